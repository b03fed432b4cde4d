"""Part "tracing": what `shardwise check` costs a run: a traced one beside an untraced one, in CPU seconds."""

from __future__ import annotations

import sqlite3
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from shared.tracing.own_code import OwnCode
from shared.tracing.plan import Action, Plan
from shared.tracing.probe import Probe
from tests.bench.rows import Asked, Row, differences, in_turn, ratios, row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLS, LINES = 300, 600_000


def rows(asked: Asked) -> Iterator[Row]:
    """A task of a few lines with effects, and the worst case: a loop that does nothing else than execute lines."""
    with TemporaryDirectory(prefix="bench-tracing-") as folder:
        probe = Probe(Path(folder), OwnCode())
        for what, function, count, unit in (
            ("a task that writes to SQLite", write, CALLS, "over_ms_per_run"),
            ("a loop of short lines", loop, LINES, "over_ms_per_1000_lines"),
        ):
            traced, each = probe.wrap(what, function), CALLS if function is write else LINES // 1000
            Plan(Action.RECORD).write(Path(folder))
            taken = in_turn(
                {"plain": partial(_cpu, function, count), "traced": partial(_cpu, traced, count)}, asked.repeat
            )
            over = [1000 * seconds / each for seconds in differences(taken["traced"], taken["plain"])]
            figures = {
                "traced_ratio": ratios(taken["traced"], taken["plain"]),
                "plain_cpu_s": taken["plain"],
                unit: over,
            }
            yield row("tracing", what, **figures)


def _cpu(function: Callable[[int], None], count: int) -> float:
    """CPU seconds of one call of the loop, or of many of the task."""
    began = time.process_time()
    if function.__name__ == "write":
        for number in range(count):
            function(number)
    else:
        function(count)
    return time.process_time() - began


def write(number: int) -> None:
    """What a task of a few lines does."""
    database = sqlite3.connect(":memory:")
    database.execute("create table orders (order_id integer primary key, amount real)")
    rows = [(number * 1000 + each, each * 1.5) for each in range(500)]
    database.executemany("insert into orders values (?, ?)", rows)
    total = database.execute("select sum(amount) from orders").fetchone()
    database.commit()
    database.close()
    assert total


def loop(lines: int) -> None:
    """Execute so many lines."""
    total = 0
    for number in range(lines // 2):
        total += number
