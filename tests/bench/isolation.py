"""Part "isolation": what a process per shard costs, against shards in the engine's own process."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.bench import commands
from tests.bench.measure import measure
from tests.bench.rows import Asked, Row, differences, in_turn, row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE, SHARDS = "1K", 100  # small shards, so that what is around them shows
MS = 1000


def rows(asked: Asked) -> Iterator[Row]:
    """Milliseconds a shard, one after another in a warm process, and over a whole run of engine local."""
    yield _compared("a shard, warm, one after another", _one_after_another, asked.repeat)
    yield _compared("a shard of a whole run on local", _whole_run, asked.repeat)


def _compared(what: str, seconds: Callable[[str], float], rounds: int) -> Row:
    taken = in_turn({choice: partial(seconds, choice) for choice in ("none", "process")}, rounds)
    over = [seconds * MS for seconds in differences(taken["process"], taken["none"])]
    return row("isolation", what, none_ms=[seconds * MS for seconds in taken["none"]], over_none_ms=over)


def _one_after_another(choice: str) -> float:
    command = commands.module("isolated_shards", str(commands.data(SIZE)), commands.emptied_store(), str(SHARDS))
    return float(measure(command, {"SHARDWISE_ISOLATION": choice}).output)


def _whole_run(choice: str) -> float:
    command = commands.run("local", SIZE, SHARDS)
    return measure(command, {"SHARDWISE_ISOLATION": choice}).wall_s / SHARDS
