"""Part "processes": memory of a process that stages, of one that does a shard; and what importing the doors costs."""

from __future__ import annotations

import statistics
import sys
from functools import partial
from typing import TYPE_CHECKING

from tests.bench import commands
from tests.bench.measure import measure
from tests.bench.rows import Asked, Row, in_turn, median_over, row

if TYPE_CHECKING:
    from collections.abc import Iterator

IMPORTS = 5


def rows(asked: Asked) -> Iterator[Row]:
    """One process that stages the largest size, one that does a tenth of its customers, and imports."""
    size, store = asked.sizes[-1], commands.emptied_store()
    for step, told in (("stage", f"staging {size}"), ("shard", f"one of 10 shards of {size}")):
        measured = measure(commands.module("one_shard", step, str(commands.data(size)), store))
        yield row("processes", told, **measured.figures())
    yield _import_cost()


def _import_cost() -> Row:
    taken = in_turn({code: partial(_python, code) for code in ("import shared.run.steps", "pass")}, IMPORTS)
    imports, nothing = taken.values()
    over = median_over(imports, nothing)
    return row("processes", "import shared.run.steps", over_python_s=over, python_s=statistics.median(nothing))


def _python(code: str) -> float:
    return measure([sys.executable, "-c", code], sampled=False).wall_s
