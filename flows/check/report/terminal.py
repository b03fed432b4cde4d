"""A check in the terminal: a table of verdicts, then each finding with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flows.check.report.text import around, cell, headline, kinds, place, summary, uncovered
from flows.check.trials import Verdict
from shared.run.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from flows.check.experiments import Kind
    from flows.check.record import CheckRecord, Finding, TaskRecord

INDENT = (0, 0, 0, 2)
STYLES = {
    Verdict.SAFE: "green",
    Verdict.UNSAFE: "bold red",
    Verdict.DOES_NOT_RECOVER: "bold red",
    Verdict.NOT_REACHED: "dim",
}


def print_check(console: Console, record: CheckRecord) -> None:
    """Print it."""
    console.print(headline(record), highlight=False, markup=False)
    console.print()
    console.print(_table(record))
    for finding in record.findings:
        _print_finding(console, record, finding)
    console.print()
    for line in uncovered(record):
        console.print(Text(line, style="dim"))
    console.print(Text(summary(record), style="bold green" if record.safe else "bold red"))


def _table(record: CheckRecord) -> Table:
    columns = kinds(record)
    table = Table(box=None, pad_edge=False)
    for title in ("task", "runs", "lines"):
        table.add_column(title, justify="left" if title == "task" else "right")
    for kind in columns:
        table.add_column(kind.value)
    for task in record.tasks:
        cells = [_cell(task, kind) for kind in columns]
        counts = [str(task.runs or ""), str(task.lines or "")]
        table.add_row(Text(task.name), *counts, *cells)
    return table


def _cell(task: TaskRecord, kind: Kind) -> Text:
    if text := cell(task, kind):
        return Text(text)
    return Text(task.verdicts[kind].value, style=STYLES[task.verdicts[kind]])


def _print_finding(console: Console, record: CheckRecord, finding: Finding) -> None:
    style = "dim" if finding.allowed else STYLES[finding.verdict]
    title = Text(finding.verdict.value + (" (allowed)" if finding.allowed else ""), style=style)
    console.print()
    console.print(Text.assemble(title, "  ", Text(place(finding), style="bold"), f"  {', '.join(finding.kinds)}"))
    console.print(Padding(Text(printable(finding.text)), INDENT, expand=False))
    for line in around(record, finding):
        style = "dim" if line.mark == " " else ""
        console.print(Text(f"  {line.mark} {line.number:>4} | {printable(line.text)}", style=style))
    if finding.advice:
        console.print(Padding(Text(f"{finding.pattern}: {finding.advice}", style="italic"), INDENT, expand=False))
