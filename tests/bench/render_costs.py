"""Part "render": what our Render server costs: a triggered run, fan-outs, task starts, a thousand finished runs."""

from __future__ import annotations

import statistics
import time
from datetime import datetime
from typing import TYPE_CHECKING

import psutil

from tests.bench import commands
from tests.bench.measure import MIB, measure
from tests.bench.rows import Asked, Row, row
from tests.prefect_server import ROOT
from tests.render_dev.serving import FORKED, PLAIN, Server, ours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OUR_APP = (*FORKED, "flows.render_tasks:app")
HEAVY_APP = "tests.bench.heavy_tasks:app"
FINISHED = 1_000  # runs that the server has seen through
STARTS = {"forked": 30, "cold": 5}  # of tasks that only say when they begin
REQUESTS = 30
MS = 1000


def rows(asked: Asked) -> Iterator[Row]:
    """Everything on servers that run already."""
    with ours(OUR_APP, ROOT) as server:
        yield _triggered(server, asked.repeat)
    with ours((*FORKED, HEAVY_APP), ROOT) as server:
        for count in (10, 100):
            walls = [_fan_out(server, count) for _ in range(asked.repeat)]
            yield row("render", f"{count} no-op tasks at once", wall_s=walls)
        yield _task_start(server, "forked")
        yield _thousand_runs(server)
    with ours((*PLAIN, HEAVY_APP), ROOT) as server:
        yield _task_start(server, "cold")


def _triggered(server: Server, rounds: int) -> Row:
    """The whole command `shardwise trigger`, after one that warms the disk's cache."""
    environment = {"RENDER_LOCAL_DEV_URL": server.url}
    walls = [measure(commands.trigger("1K", 10), environment).wall_s for _ in range(1 + max(rounds, 5))][1:]
    return row("render", "1K triggered, 10 shards", wall_s=walls, slowest_s=max(walls))


def _fan_out(server: Server, count: int) -> float:
    """Seconds from the request to the end that the server notes."""
    begun = time.time()
    details = server.finish("fan_out", [count])
    return _moment(details["completedAt"]) - begun


def _task_start(server: Server, kind: str) -> Row:
    """From the attempt's start, just before its process is made, to the first line of the task."""
    starts = [_to_first_line(server) for _ in range(STARTS[kind])]
    return row("render", f"task start, {kind}", wall_ms=[start * MS for start in starts], slowest_ms=max(starts) * MS)


def _to_first_line(server: Server) -> float:
    details = server.finish("first_line")
    (first_line,) = details["results"]
    return float(first_line) - _moment(details["startedAt"])


def _thousand_runs(server: Server) -> Row:
    """Memory, and the answers a client waits for: one run (asked for by who follows it), the list of all (subtasks)."""
    while len(known := server.runs()) < FINISHED:
        server.finish("fan_out", [100])
    one, root = known[-1]["id"], known[0]["rootTaskRunId"]
    return row(
        "render",
        f"{FINISHED:,} finished runs",
        runs=len(known),
        rss_mib=psutil.Process(server.pid).memory_info().rss / MIB,
        get_run_ms=_answer_ms(lambda: server.http.get(f"/task-runs/{one}")),
        list_runs_ms=_answer_ms(lambda: server.http.get("/task-runs", params={"rootTaskRunId": root, "limit": 100})),
    )


def _answer_ms(ask: Callable[[], object]) -> float:
    """Milliseconds until the whole answer is there, unparsed."""
    taken = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * MS


def _moment(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
