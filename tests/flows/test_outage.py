"""A store that goes away stops a run after a few shards, on engines that have taken all shards already."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from flows.on_render.wire import AT_ONCE, gathered
from shared.run.attempts import read_attempts
from shared.run.cores import cores
from shared.run.errors import StoreError, TransientError
from shared.run.outage import LIMIT, Outage
from shared.run.step_names import shards_named
from shared.run.store import open_store
from tests.flows.prefect_driving import driving
from tests.prefect_server import ROOT
from tests.render_dev.serving import ours

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.prefect_server import PrefectServer

PIPELINE, SHARDS = "tests.pipelines.broken_disk", 60
ALLOWED = {"SHARDWISE_PIPELINES": PIPELINE}


def on_prefect(server: PrefectServer, given: dict[str, Any], isolation: str) -> str:
    """The error of a run as a flow."""
    with driving(server, SHARDWISE_ISOLATION=isolation, **ALLOWED) as driver:
        return driver.run(**given).error


def on_render(folder: Path, given: dict[str, Any]) -> str:
    """The error of a run as a task."""
    limits = ("--like-cloud", "--max-concurrency", str(cores()))
    settings = ALLOWED | {"SHARDWISE_WAIT_SCALE": "0.02", "PYTHONPATH": str(ROOT)}
    with ours((), folder, *limits, env=settings) as server:
        error: str = server.finish("run_pipeline", [given])["error"]
        return error


@pytest.mark.parametrize("engine", ["prefect", "prefect-isolated", "render"])
def test_a_store_that_goes_away_stops_the_run(prefect_server: PrefectServer, tmp_path: Path, engine: str) -> None:
    """Before, every shard made all its attempts; now a few do, the message says why, and what is committed stays."""
    given: dict[str, Any] = {
        "pipeline": PIPELINE,
        "store_url": str(tmp_path / "store"),
        "num_shards": SHARDS,
        "run_id": "r",
    }
    if engine == "render":
        error = on_render(tmp_path, given)
    else:
        error = on_prefect(prefect_server, given, "none" if engine == "prefect" else "process")
    assert f"the run was stopped, because {LIMIT} shards in a row failed for the same reason: the store" in error
    assert "Committed shards stay; run again with run_id r when the store works." in error
    store = open_store(given["store_url"])
    assert shards_named(store.names("runs/r/manifests"), SHARDS) == {0, 1}
    begun = {attempt.step for attempt in read_attempts(store, "r")}
    assert engine == "render" or len(begun) < SHARDS / 2  # there attempts of all take turns while others wait


def test_subtasks_are_started_as_others_end() -> None:
    """A bounded number at a time, each end in the order of the starts, an error as what it was."""
    running, most = 0, 0

    async def subtask(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        if number == 7:
            raise RuntimeError("Subtask failed: TransientError: no luck")
        return number

    ends = asyncio.run(gathered(starts(subtask, 3 * AT_ONCE), Outage("r")))
    assert (most, len(ends)) == (AT_ONCE, 3 * AT_ONCE)
    assert (type(ends[7]), str(ends[7])) == (TransientError, "no luck")
    assert [end for end in ends if end != ends[7]] == [number for number in range(3 * AT_ONCE) if number != 7]


def test_subtasks_are_not_started_during_an_outage() -> None:
    """Neither are those waited for that never end."""
    started = []

    async def subtask(number: int) -> int:
        started.append(number)
        if number >= LIMIT:
            await asyncio.Event().wait()
        raise RuntimeError("Subtask failed: StoreError: the store is away")

    with pytest.raises(StoreError, match="the store is away"):
        asyncio.run(gathered(starts(subtask, 3 * AT_ONCE), Outage("r")))
    assert len(started) <= AT_ONCE + LIMIT


def starts(subtask: Callable[[int], Any], count: int) -> list[Callable[[], Any]]:
    """What starts some subtasks."""
    return [lambda number=number: subtask(number) for number in range(count)]  # type: ignore[misc]
