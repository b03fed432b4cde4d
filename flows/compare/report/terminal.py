"""What a person at a terminal sees of a comparison: a line per cell while it works, the matrix at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from flows.compare.verdicts import Absent, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from flows.compare.cells import Cell

STYLES: dict[Outcome, str] = {
    Verdict.UNAFFECTED: "green",
    Verdict.ENGINE: "green",
    Verdict.OURS: "cyan",
    Verdict.FAILED: "yellow",
    Verdict.STUCK: "bold yellow",
    Absent.NOT_TESTED: "bold red",
    Absent.NOT_OBSERVED: "dim",
    Verdict.WRONG: "bold red",
}


def verdict_line(number: int, of: int, cell: Cell) -> str:
    """A cell in one line, for a person who waits."""
    seconds = sum(start.seconds for start in cell.starts)
    mismatch = f"  [bold red]NOT AS EXPECTED: {'; '.join(cell.mismatches)}[/]" if cell.mismatches else ""
    verdict = f"[{STYLES[cell.verdict]}]{cell.verdict}[/]"
    where = f"{cell.scenario.name} on {cell.column.name}"
    return f"{number:>3} of {of}  {where:<52} {verdict}, {seconds:.1f} s{mismatch}"


def print_matrix(console: Console, cells: list[Cell]) -> None:
    """Print scenarios by columns: the verdict, and how many attempts were made where the plan strikes."""
    columns = _unique(cell.column.name for cell in cells)
    table = Table(title="What became of each run", caption="! differs from what is expected")
    table.add_column("scenario", no_wrap=True)
    for column in columns:
        table.add_column(column)
    for scenario in _unique(cell.scenario.name for cell in cells):
        table.add_row(scenario, *(_entry(_cells(cells, scenario, column)) for column in columns))
    console.print(table)


def _cells(cells: list[Cell], scenario: str, column: str) -> list[Cell]:
    return [cell for cell in cells if (cell.scenario.name, cell.column.name) == (scenario, column)]


def _plain(cells: list[Cell]) -> str:
    """The distinct verdicts of a cell's repetitions, with attempts."""
    kinds = _unique(f"{cell.verdict}{f' ({cell.attempts})' if cell.attempts else ''}" for cell in cells)
    return " / ".join(kinds) + (" **!**" if any(cell.mismatches for cell in cells) else "")


def _entry(cells: list[Cell]) -> str:
    if not cells:  # the scenario is none of this column's
        return ""
    style = STYLES[max((cell.verdict for cell in cells), key=list(STYLES).index)]
    return f"[{style}]{_plain(cells).replace('**', '')}[/]"


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
