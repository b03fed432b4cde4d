"""What the report page says in words: the summary, the matrix's entries, what was published."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from flows.compare.verdicts import Absent, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]

SHORT = {outcome: outcome.name.lower() for outcome in (*Verdict, *Absent)}  # the classes of report.css


def summary(content: Json) -> str:
    """One paragraph: how many cells there are and what became of them."""
    cells = content["cells"]
    counts = Counter(cell["verdict"] for cell in cells)
    sizes = f"{len(content['scenarios'])} scenarios on {len(content['columns'])} columns"
    repeats = max((cell["repeat"] for cell in cells), default=1)
    times = "once" if repeats == 1 else f"up to {repeats} times"
    became = ", ".join(f"{counts[outcome] or 'none'} {outcome}" for outcome in Verdict)
    return f"{len(cells)} cells: {sizes}, each run {times}. Of them, {became}. {_expected(cells)}"


def _expected(cells: list[Json]) -> str:
    mismatches = sum(bool(cell["mismatches"]) for cell in cells)
    if mismatches:
        return f"{mismatches} {'is' if mismatches == 1 else 'are'} not as expected."
    gaps = sum(bool(cell["reason"]) for cell in cells)
    known = f" In {gaps} of them a column is known to fall short of the declared policy." if gaps else ""
    return f"Each is as expected.{known}"


def cells_at(content: Json, scenario: str, column: str | None = None) -> list[Json]:
    """The cells of a scenario, all or those on one column."""
    return [c for c in content["cells"] if c["scenario"] == scenario and column in (None, c["column"])]


def entries(cells: list[Json]) -> list[Json]:
    """The distinct outcomes of a cell's repetitions: verdict, class, attempts."""
    kinds = dict.fromkeys((cell["verdict"], cell["attempts"]) for cell in cells)
    return [{"verdict": verdict, "short": SHORT[verdict], "attempts": attempts} for verdict, attempts in kinds]


def published(cell: Json, shards: int) -> str:
    """What a cell left in its store, in a few words."""
    store = cell["store"]
    if store["first_difference"]:
        return f"differs: {store['missing']} missing, {store['duplicated']} duplicated, {store['stale']} stale"
    if store["differences"]:
        return str(store["differences"][0])
    return "the reference's digest" if store["finished"] else f"no result, {store['committed']} of {shards} shards"


def anchor(scenario: str, column: str = "", repeat: int = 1) -> str:
    """The id of a scenario's section, or of a cell in it; the first repetition's where only a column is cited."""
    parts: Iterable[str] = (scenario, column, str(repeat) if repeat > 1 else "")
    return "--".join(part for part in ("at", *parts) if part)
