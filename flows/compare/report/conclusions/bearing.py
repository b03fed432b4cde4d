"""The cells of a comparison, to ask: only what was tested and came out as expected bears a conclusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.record.comparison import Comparison
    from flows.compare.record.observed import Cell, Place


class Bearing:
    """Cells by scenario and column. A cell with mismatches, in any repetition, is left out."""

    def __init__(self, comparison: Comparison) -> None:
        """Sort the cells."""
        self._columns = comparison.columns
        found: dict[Place, list[Cell]] = {}
        for cell in comparison.cells:
            found.setdefault(cell.place, []).append(cell)
        self._cells = {at: cells for at, cells in found.items() if all(cell.judgement.as_expected for cell in cells)}

    def verdict(self, scenario: str, column: str) -> Verdict | None:
        """The one verdict of all repetitions; None where there is none, or more than one."""
        found = {cell.judgement.verdict for cell in self._at(scenario, column)}
        verdict = found.pop() if len(found) == 1 else None
        return verdict if isinstance(verdict, Verdict) else None

    def columns(self, product: str, scenario: str, verdicts: set[Verdict]) -> list[str]:
        """The columns of a product on which a scenario ended so: those of the product itself, else its stand-ins."""
        own = [name for name, about in self._columns.items() if about.product == product]
        found = [name for name in own if self.verdict(scenario, name) in verdicts]
        real = [name for name in found if not self._columns[name].stand_in]
        return real or found

    def attempts(self, scenario: str, column: str) -> int:
        """Those at the faulted step; 0 where the cell bears nothing out."""
        return max((cell.judgement.attempts or 0 for cell in self._at(scenario, column)), default=0)

    def overlaps(self, scenario: str, column: str) -> bool:
        """Whether two attempts at one step ran at the same time in any repetition."""
        return any(cell.judgement.overlaps for cell in self._at(scenario, column))

    def observed(self, places: Iterable[Place]) -> str:
        """On what some cells were observed, in words."""
        found = [cell for at in places for cell in self._cells.get(at, [])]
        return "; ".join(dict.fromkeys(self._in_words(cell) for cell in found))

    def _at(self, scenario: str, column: str) -> list[Cell]:
        return self._cells.get((scenario, column), [])

    def _in_words(self, cell: Cell) -> str:
        on = cell.observed_on
        served_by = f"{on.served_by} ({on.version}), {on.at[:10]}"
        return f"the stand-in, {served_by}" if self._columns[cell.column].stand_in else served_by
