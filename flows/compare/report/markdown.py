"""The Markdown report of a comparison, and parts of the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.report.page.text import observed_on
from shared.drawing.quoting import code, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.record.comparison import Comparison
    from flows.compare.record.concluded import Change, Sentence
    from flows.compare.record.observed import Place

MARK = " ¹"


def report(comparison: Comparison) -> str:
    """report.md: what a reader of a pull request needs; report.html has the evidence."""
    concluded = comparison.conclusions
    parts = [
        "# The same faults on every engine",
        questions(comparison),
        answer(concluded.answer),
        _mismatches(comparison),
        matrix(comparison),
        "In brackets: attempts at the step that the plan breaks.\n\n" + columns(comparison),
        provenance(comparison),
        _changes(comparison.changes or ()),
        "The waits, the costs and the evidence of each cell are in report.html.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def answer(sentences: Iterable[Sentence]) -> str:
    """The sentences that come first, each with the cells behind it."""
    return "\n".join(f"* {plain(each.text)}" + (f" ({cited(each.cells)})" if each.cells else "") for each in sentences)


def matrix(comparison: Comparison) -> str:
    """Scenarios by columns: the verdict, and how many attempts were made where the plan breaks something."""
    rows = [
        [code(name), *(entry(comparison, name, column) for column in comparison.columns)]
        for name in comparison.scenarios
    ]
    return table(["scenario", *map(plain, comparison.columns)], rows)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are Markdown already."""
    names = list(head)
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, ["---"] * len(names), *rows])


def entry(comparison: Comparison, scenario: str, column: str) -> str:
    """The distinct verdicts of a cell's repetitions, with attempts."""
    judgements = [cell.judgement for cell in comparison.at(scenario, column)]
    if not judgements:
        return "not observed" if comparison.columns[column].not_observed else ""
    kinds = dict.fromkeys(f"{each.verdict}{f' ({n})' if (n := each.attempts) else ''}" for each in judgements)
    return " / ".join(kinds) + (" **!**" if any(each.mismatches for each in judgements) else "")


def columns(comparison: Comparison) -> str:
    """What each column is, and where it was observed."""
    lines = []
    for name, about in comparison.columns.items():
        recorded = f" (recorded in {about.recorded_in})" if about.recorded_in else ""
        lines.append(f"* **{plain(name)}**: {plain(about.title)}; {plain(observed_on(about) + recorded)}")
    return "\n".join(lines)


def provenance(comparison: Comparison) -> str:
    """When, where and with what it was made."""
    declared = comparison.declared
    versions = ", ".join(f"{name} {number}" for name, number in comparison.versions.items())
    waits = ", ".join(f"{wait:g}" for wait in declared.waits_seconds)
    return (
        f"Made {comparison.made_at.isoformat()} on {plain(f'{comparison.machine}; {versions}')}.\n\n"
        f"{comparison.shards} shards, {comparison.workers} at a time, digest `{comparison.reference.digest}`. "
        f"Declared: {declared.max_attempts} attempts with waits of {waits} s (scale {comparison.wait_scale:g}), "
        f"{declared.timeout_seconds:g} s for each.{''.join(f' {plain(each)}.' for each in comparison.not_compared)}"
    )


def questions(comparison: Comparison) -> str:
    """The questions as rows, the products as columns; a mark where only a stand-in was observed."""
    asked = comparison.conclusions.questions
    rows = [
        [each.asks, *(f"{plain(answer.text)}{MARK * answer.stand_in}" for answer in each.answers)] for each in asked
    ]
    head = ["what happens", *(plain(product.title) for product in comparison.products.values())]
    notes = [f"{MARK.strip()} observed on a local stand-in for the product"] if MARK in str(rows) else []
    return "\n\n".join([table(head, rows), *notes]) if rows else ""


def cited(cells: Iterable[Place]) -> str:
    """Cells by scenario: ``scenario on column and column``."""
    found: dict[str, list[str]] = {}
    for scenario, column in cells:
        found.setdefault(scenario, []).append(column)
    return ", ".join(f"{code(scenario)} on {plain(' and '.join(names))}" for scenario, names in found.items())


def _mismatches(comparison: Comparison) -> str:
    lines = [
        f"* {code(cell.scenario)} on {plain(cell.column)}: {plain('; '.join(cell.judgement.mismatches))}"
        for cell in comparison.cells
        if cell.judgement.mismatches
    ]
    lines += [f"* {plain(finding)}" for finding in comparison.conclusions.contradictions]
    return "**Not as expected:**\n\n" + "\n".join(lines) if lines else ""


def _changes(found: Iterable[Change]) -> str:
    rows = [[plain(each.where), plain(each.message), "**worse**" if each.regression else ""] for each in found]
    return "## What changed\n\n" + table(["where", "what", ""], rows) if rows else ""
