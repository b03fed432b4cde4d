"""What the report page says in words: the matrix's entries, what was published, where a column was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.engine.verdicts import Absent, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]

SHORT = {outcome: outcome.name.lower() for outcome in (*Verdict, *Absent)}  # the classes of report.css


def observed_on(column: Json) -> str:
    """Where a column was observed, or why it was not."""
    if column["not_observed"]:
        return f"not observed: {column['not_observed']}"
    on = column["observed_on"]
    partly = f"; not observed: {column['observed_until']}" if column.get("observed_until") else ""
    return f"{on['served_by']} ({on['version']}), {on['at'][:10]}{partly}"


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
    parts: Iterable[str] = (scenario, column.replace(" ", "-"), str(repeat) if repeat > 1 else "")
    return "--".join(part for part in ("at", *parts) if part)
