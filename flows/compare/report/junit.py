"""The JUnit report of a comparison: a suite per column, a test per cell."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

if TYPE_CHECKING:
    from flows.compare.record.comparison import Column, Comparison
    from flows.compare.record.observed import Cell


def junit(comparison: Comparison) -> str:
    """The XML. A cell with mismatches fails, a column that was not observed is skipped, a regression fails."""
    root = Element("testsuites", name="shardwise compare")
    for name, column in comparison.columns.items():
        _suite(root, name, column, [cell for cell in comparison.cells if cell.column == name])
    if changes := comparison.changes:
        suite = SubElement(root, "testsuite", name="against", tests=str(len(changes)))
        for change in changes:
            case = SubElement(suite, "testcase", classname="against", name=f"{change.where}: {change.message}")
            if change.regression:
                SubElement(case, "failure", message=change.message)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, name: str, column: Column, cells: list[Cell]) -> None:
    failures = sum(not cell.judgement.as_expected for cell in cells)
    skipped = int(bool(column.not_observed))
    counts = {"tests": len(cells) + skipped, "failures": failures, "skipped": skipped}
    suite = SubElement(root, "testsuite", {"name": name} | {key: str(count) for key, count in counts.items()})
    if skipped:
        case = SubElement(suite, "testcase", classname=name, name="the column can be observed here")
        SubElement(case, "skipped", message=column.not_observed)
    for cell in cells:
        _case(suite, name, cell)


def _case(suite: Element, column: str, cell: Cell) -> None:
    seconds = sum(start.seconds for start in cell.starts)
    name = cell.scenario + (f" (repeat {cell.repeat})" if cell.repeat > 1 else "")
    case = SubElement(suite, "testcase", classname=column, name=name, time=f"{seconds:.3f}")
    on, judgement = cell.observed_on, cell.judgement
    said = [f"{judgement.verdict}; observed on {on.served_by} {on.version}", *judgement.findings, cell.command]
    if judgement.mismatches:
        failure = SubElement(case, "failure", message="; ".join(judgement.mismatches))
        failure.text = cell.log
    SubElement(case, "system-out").text = "\n".join(said)
