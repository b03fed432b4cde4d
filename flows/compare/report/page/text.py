"""What the report page says in words: the matrix's entries, what was published, where a column was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.verdicts import Absent, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.record.comparison import Column
    from flows.compare.record.observed import Cell

SHORT = {outcome: outcome.name.lower() for outcome in (*Verdict, *Absent)}  # the classes of report.css


def observed_on(column: Column) -> str:
    """Where a column was observed, or why it was not."""
    on = column.observed_on
    if on is None:
        return f"not observed: {column.not_observed}"
    partly = f"; not observed: {column.observed_until}" if column.observed_until else ""
    return f"{on.served_by} ({on.version}), {on.at[:10]}{partly}"


def entries(cells: Iterable[Cell]) -> list[tuple[str, str, int | None]]:
    """The distinct outcomes of a cell's repetitions: verdict, class, attempts."""
    kinds = dict.fromkeys((cell.judgement.verdict, cell.judgement.attempts) for cell in cells)
    return [(verdict.value, SHORT[verdict], attempts) for verdict, attempts in kinds]


def published(cell: Cell) -> str:
    """What a cell left in its store, in a few words."""
    store = cell.store
    if store.first_difference:
        return f"differs: {store.missing} missing, {store.duplicated} duplicated, {store.stale} stale"
    if store.differences:
        return store.differences[0]
    return "the reference's digest" if store.finished else f"no result, {store.committed} of {cell.shards} shards"


def anchor(scenario: str, column: str = "", repeat: int = 1) -> str:
    """The id of a scenario's section, or of a cell in it; the first repetition's where only a column is cited."""
    parts: Iterable[str] = (scenario, column.replace(" ", "-"), str(repeat) if repeat > 1 else "")
    return "--".join(part for part in ("at", *parts) if part)
