"""What changed since an earlier comparison: verdicts, attempts, new mismatches, waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.compare.report.conclusions.delays import TOLERANCE
from flows.engine.verdicts import Absent, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
At = tuple[str, str]

RANK = {  # the higher the worse
    Verdict.UNAFFECTED: 0,
    Verdict.ENGINE: 1,
    Verdict.OURS: 1,
    Verdict.FAILED: 2,
    Verdict.STUCK: 3,
    Absent.NOT_TESTED: 4,
    Verdict.WRONG: 5,
}


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was.

    Attributes:
        where: Scenario and column, or a column.
        message: What it was and what it is.
        regression: Whether it got worse.
    """

    where: str
    message: str
    regression: bool

    def to_json(self) -> Json:
        """As compare.json has it."""
        return {"where": self.where, "message": self.message, "regression": self.regression}


def changes(content: Json, old: Json) -> list[Change]:
    """What changed in the cells that both comparisons have, regressions first.

    Args:
        content: Of the new one.
        old: Of the earlier one.
    """
    found = [*_versions(content, old), *_cells(content, old), *_delays(content, old)]
    return sorted(found, key=lambda change: not change.regression)


def _versions(content: Json, old: Json) -> Iterator[Change]:
    for name, column in content["columns"].items():
        then, now = (each["columns"].get(name, {}).get("observed_on") for each in (old, content))
        if then and now and (then["served_by"], then["version"]) != (now["served_by"], now["version"]):
            message = f"{then['served_by']} {then['version']} is now {now['served_by']} {now['version']}"
            yield Change(name, message, regression=False)
        if then and column["not_observed"]:
            yield Change(name, f"was observed, and is not: {column['not_observed']}", regression=False)


def _cells(content: Json, old: Json) -> Iterator[Change]:
    now, then = _by_place(content), _by_place(old)
    for at in now.keys() & then.keys():
        yield from _cell(" on ".join(at), now[at], then[at])


def _by_place(content: Json) -> dict[At, list[Json]]:
    found: dict[At, list[Json]] = {}
    for cell in content["cells"]:
        found.setdefault((cell["scenario"], cell["column"]), []).append(cell)
    return found


def _cell(where: str, now: list[Json], then: list[Json]) -> Iterator[Change]:
    """Of repetitions the worst counts."""
    worst, before = (max(cells, key=lambda cell: RANK[cell["verdict"]])["verdict"] for cells in (now, then))
    if worst != before:
        yield Change(where, f"{before} is now {worst}", regression=RANK[worst] > RANK[before])
    attempts, earlier = (sorted({cell["attempts"] or 0 for cell in cells}) for cells in (now, then))
    if attempts != earlier:
        message = f"attempts at the faulted step: {_list(earlier)} are now {_list(attempts)}"
        yield Change(where, message, regression=any(cell["mismatches"] for cell in now))
    known = {message for cell in then for message in cell["mismatches"]}
    if any(cell["mismatches"] for cell in now) and not known:
        first = next(message for cell in now for message in cell["mismatches"])
        yield Change(where, f"was as expected, and is not: {first}", regression=True)


def _delays(content: Json, old: Json) -> Iterator[Change]:
    """Medians outside of what was observed before, by more than the tolerance."""
    before = {(each["column"], each["retry"], each["declared"]): each for each in old.get("delays", [])}
    for delay in content.get("delays", []):
        then = before.get((delay["column"], delay["retry"], delay["declared"]))
        if then and not then["shortest"] - TOLERANCE <= delay["median"] <= then["longest"] + TOLERANCE:
            spread = f"{then['shortest']:g} to {then['longest']:g} s"
            message = f"retry {delay['retry']} came after {spread}, and comes after {delay['median']:g} s (median)"
            yield Change(delay["column"], message, regression=False)


def _list(numbers: list[int]) -> str:
    return " or ".join(map(str, numbers))
