"""Prints a comparison to the terminal: one line per cell, then the table and the changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

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
WORDS: dict[Outcome, str] = {  # of one cell of the matrix, where there is no room for more
    Absent.NOT_OBSERVED: "-",
    Verdict.UNAFFECTED: "ok",
    Verdict.ENGINE: "engine",
    Verdict.OURS: "ours",
    Verdict.FAILED: "failed",
    Verdict.STUCK: "stuck",
    Absent.NOT_TESTED: "untested",
    Verdict.WRONG: "WRONG",
}
UNEXPECTED = "!"
GAP = 1  # between two columns of text


def verdict_line(number: int, of: int, cell: Cell) -> str:
    """A cell in one line, for a person who waits."""
    seconds, judgement = sum(start.seconds for start in cell.starts), cell.judgement
    said = escape("; ".join(judgement.mismatches))
    mismatch = f"  [bold red]NOT AS EXPECTED: {said}[/]" if said else ""
    verdict = f"[{STYLES[judgement.verdict]}]{judgement.verdict}[/]"
    place = escape(f"{' on '.join(cell.place):<52}")
    return f"{number:>3} of {of}  {place} {verdict}, {seconds:.1f} s{mismatch}"


def print_matrix(console: Console, comparison: Comparison) -> None:
    """Print scenarios by columns, in as many tables as the width needs, then what the words in them mean."""
    seen = {name: about for name, about in comparison.columns.items() if not about.not_observed}
    matrix = {name: {each: _entry(comparison, each, name) for each in comparison.scenarios} for name in seen}
    for names in _fitting(matrix, console.width - max(map(len, comparison.scenarios), default=0)):
        table = Table("scenario", box=None, padding=(0, GAP, 0, 0))
        for name in names:
            table.add_column(Text("\n".join(_heading(name))))
        for scenario in comparison.scenarios:
            table.add_row(Text(scenario), *(matrix[name][scenario] for name in names))
        console.print(table)
        console.print()
    console.print(_legend(comparison))
    for sentence in comparison.not_compared:
        console.print(Text(sentence), soft_wrap=True, highlight=False)
    for name, about in comparison.columns.items():
        if about.not_observed:
            console.print(Text(f"{name} was not observed: {about.not_observed}"), soft_wrap=True)


def _fitting(matrix: dict[str, dict[str, Text]], width: int) -> list[list[str]]:
    """The columns in groups that have room beside each other, one at least."""
    groups: list[list[str]] = []
    left = 0
    for name, entries in matrix.items():
        needed = GAP + max(each.cell_len for each in (*map(Text, _heading(name)), *entries.values()))
        if not groups or needed > left:
            groups.append([])
            left = width
        groups[-1].append(name)
        left -= needed
    return groups


def print_changes(console: Console, comparison: Comparison) -> None:
    """Print what changed against an earlier comparison, regressions first."""
    if not comparison.changes:
        console.print("nothing changed against the earlier comparison")
    for change in comparison.changes or ():
        style, what = ("bold red", "WORSE") if change.regression else ("cyan", "changed")
        console.print(Text(what, style), Text(f"{change.where}: {change.message}"), soft_wrap=True)


def _heading(column: str) -> list[str]:
    """A column's name in lines: ``engine-``, ``deployed``."""
    return column.replace("-", "-\n").split("\n")


def _entry(comparison: Comparison, scenario: str, column: str) -> Text:
    """The distinct verdicts of a cell's repetitions, with the attempts that were made where something is broken."""
    judgements = [cell.judgement for cell in comparison.at(scenario, column)]
    words = dict.fromkeys(f"{WORDS[each.verdict]} {each.attempts or ''}".strip() for each in judgements)
    marked = [*words, UNEXPECTED] if not all(each.as_expected for each in judgements) else words
    verdicts = [each.verdict for each in judgements]
    return Text(" ".join(marked), STYLES[max(verdicts, key=list(STYLES).index)] if verdicts else "")


def _legend(comparison: Comparison) -> str:
    """What the words of a matrix mean, as far as they are in it."""
    judgements = [cell.judgement for cell in comparison.cells]
    used = {each.verdict for each in judgements}
    meanings = [f"{word}: {verdict}" for verdict, word in WORDS.items() if verdict in used and verdict != word]
    if any(each.attempts for each in judgements):
        meanings.append("a number: attempts at the step that was broken")
    if not all(each.as_expected for each in judgements):
        meanings.append(f"{UNEXPECTED}: not as expected")
    return "; ".join(meanings)
