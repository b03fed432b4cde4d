"""Part "processes": memory of a process that stages, of one that does a shard; and what imports cost."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from tests.bench import commands
from tests.bench.measure import measure
from tests.bench.rows import Asked, Row, differences, in_turn, row

if TYPE_CHECKING:
    from collections.abc import Iterator

IMPORTS = 5  # rounds
MODULES = {
    "the command": "flows.cli, flows.local",
    "a worker": "shared.customers.libraries",
    "the steps": "shared.run.steps",
}
SHARD_LIMIT_MIB = "512"  # what the smallest instance on Render has


def rows(asked: Asked) -> Iterator[Row]:
    """One process that stages the largest size, one that does a tenth of its customers, and imports."""
    size, store = asked.sizes[-1], commands.emptied_store()
    for step, what, limit in (
        ("stage", f"staging {size}", "unlimited"),
        ("shard", f"one of 10 shards of {size}", SHARD_LIMIT_MIB),
    ):
        measured = measure(commands.module("one_shard", step, str(commands.data(size)), store, limit))
        yield row("processes", what, wall_s=measured.wall_s, cpu_s=measured.cpu_s, largest_mib=measured.largest_mib)
    yield from _imports()


def _imports() -> Iterator[Row]:
    code = {name: f"import {modules}" for name, modules in MODULES.items()} | {"nothing": "pass"}
    taken = in_turn({name: partial(_python, each) for name, each in code.items()}, IMPORTS)
    for name in MODULES:
        over = differences(taken[name], taken["nothing"])
        yield row("processes", f"imports of {name}", over_python_s=over, python_s=taken["nothing"])


def _python(code: str) -> float:
    return measure([sys.executable, "-c", code]).wall_s
