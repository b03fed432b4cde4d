"""What a person at a terminal sees of a comparison: a line per cell meanwhile, the matrix and changes at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from flows.compare.report.markdown import entry
from flows.engine.verdicts import Absent, Outcome, Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from flows.compare.observe.cells import Cell

Json = dict[str, Any]

STYLES: dict[Outcome, str] = {  # the worst last
    Absent.NOT_OBSERVED: "dim",
    Verdict.UNAFFECTED: "green",
    Verdict.ENGINE: "green",
    Verdict.OURS: "cyan",
    Verdict.FAILED: "yellow",
    Verdict.STUCK: "bold yellow",
    Absent.NOT_TESTED: "bold red",
    Verdict.WRONG: "bold red",
}


def verdict_line(number: int, of: int, cell: Cell) -> str:
    """A cell in one line, for a person who waits."""
    seconds = sum(start.seconds for start in cell.starts)
    said = escape("; ".join(cell.mismatches))
    mismatch = f"  [bold red]NOT AS EXPECTED: {said}[/]" if cell.mismatches else ""
    verdict = f"[{STYLES[cell.verdict]}]{cell.verdict}[/]"
    where = f"{cell.scenario.name} on {cell.column.name}"
    return f"{number:>3} of {of}  {where:<52} {verdict}, {seconds:.1f} s{mismatch}"


def print_matrix(console: Console, content: Json) -> None:
    """Print scenarios by columns: the verdict, and how many attempts were made where the plan breaks something."""
    table = Table(title="What became of each run", caption="! differs from what is expected")
    table.add_column("scenario", no_wrap=True)
    for column in content["columns"]:
        table.add_column(column, overflow="fold")
    for scenario in content["scenarios"]:
        table.add_row(scenario, *(_entry(content, scenario, column) for column in content["columns"]))
    console.print(table)
    for name, about in content["columns"].items():
        if about["not_observed"]:
            console.print(f"{name} was not observed: {escape(about['not_observed'])}", soft_wrap=True)


def print_changes(console: Console, content: Json) -> None:
    """Print what changed against an earlier comparison, regressions first."""
    if not content["changes"]:
        console.print("nothing changed against the earlier comparison")
    for change in content["changes"]:
        style, what = ("bold red", "WORSE") if change["regression"] else ("cyan", "changed")
        console.print(f"[{style}]{what}[/] {change['where']}: {escape(change['message'])}", soft_wrap=True)


def _entry(content: Json, scenario: str, column: str) -> str:
    cells = [cell for cell in content["cells"] if (cell["scenario"], cell["column"]) == (scenario, column)]
    words = entry(content, scenario, column).replace("**", "")
    if not cells:
        return f"[dim]{words}[/]"
    return f"[{STYLES[max((cell['verdict'] for cell in cells), key=list(STYLES).index)]}]{words}[/]"
