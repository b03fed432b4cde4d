"""What a person at a terminal sees of a comparison: a line per cell meanwhile, the matrix and changes at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from flows.compare.report.markdown import entry
from flows.engine.verdicts import Absent, Outcome, Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from flows.compare.record.comparison import Comparison
    from flows.compare.record.observed import Cell

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
    seconds, judgement = sum(start.seconds for start in cell.starts), cell.judgement
    said = escape("; ".join(judgement.mismatches))
    mismatch = f"  [bold red]NOT AS EXPECTED: {said}[/]" if said else ""
    verdict = f"[{STYLES[judgement.verdict]}]{judgement.verdict}[/]"
    return f"{number:>3} of {of}  {' on '.join(cell.place):<52} {verdict}, {seconds:.1f} s{mismatch}"


def print_matrix(console: Console, comparison: Comparison) -> None:
    """Print scenarios by columns: the verdict, and how many attempts were made where the plan breaks something."""
    table = Table(title="What became of each run", caption="! differs from what is expected")
    table.add_column("scenario", no_wrap=True)
    for column in comparison.columns:
        table.add_column(column, overflow="fold")
    for scenario in comparison.scenarios:
        table.add_row(scenario, *(_entry(comparison, scenario, column) for column in comparison.columns))
    console.print(table)
    for name, about in comparison.columns.items():
        if about.not_observed:
            console.print(f"{name} was not observed: {escape(about.not_observed)}", soft_wrap=True)


def print_changes(console: Console, comparison: Comparison) -> None:
    """Print what changed against an earlier comparison, regressions first."""
    if not comparison.changes:
        console.print("nothing changed against the earlier comparison")
    for change in comparison.changes or ():
        style, what = ("bold red", "WORSE") if change.regression else ("cyan", "changed")
        console.print(f"[{style}]{what}[/] {change.where}: {escape(change.message)}", soft_wrap=True)


def _entry(comparison: Comparison, scenario: str, column: str) -> str:
    words = entry(comparison, scenario, column).replace("**", "")
    verdicts = [cell.judgement.verdict for cell in comparison.at(scenario, column)]
    return f"[{STYLES[max(verdicts, key=list(STYLES).index)]}]{words}[/]" if verdicts else f"[dim]{words}[/]"
