"""The JUnit report of a check: one suite per task, one test per experiment."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from flows.check.report.text import LIMITS
from flows.check.trials import Verdict
from shared.run.printable import printable
from shared.tracing.plan import END

if TYPE_CHECKING:
    from flows.check.record import CheckRecord, TrialRecord


def junit(record: CheckRecord) -> str:
    """The XML. What is not safe fails unless it is allowed; what was not reached or not checked is skipped."""
    root = Element("testsuites", name="shardwise check")
    tasks: defaultdict[str, list[TrialRecord]] = defaultdict(list)
    for trial in record.trials:
        tasks[trial.task].append(trial)
    for task, trials in tasks.items():
        failures = sum(_fails(trial) for trial in trials)
        skipped = sum(trial.verdict is Verdict.NOT_REACHED for trial in trials)
        counts = {"tests": len(trials), "failures": failures, "skipped": skipped}
        suite = SubElement(root, "testsuite", {"name": task} | {name: str(count) for name, count in counts.items()})
        for trial in sorted(trials, key=lambda trial: (trial.kind, trial.run, trial.position)):
            _case(suite, trial)
    if record.not_checked:
        suite = SubElement(root, "testsuite", name="not checked", tests=str(len(record.not_checked)))
        for text in record.not_checked:
            SubElement(SubElement(suite, "testcase", classname="not checked", name=text), "skipped", message=text)
    SubElement(root, "system-out").text = "Not found by any experiment: " + "; ".join(LIMITS)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _case(suite: Element, trial: TrialRecord) -> None:
    where = "after the last line" if trial.line == END else f"{trial.file}:{trial.line}" if trial.file else trial.again
    visit = f", visit {trial.visit}" if trial.visit > 1 else ""
    run = f", run {trial.run}" if trial.runs > 1 else ""
    name = f"{trial.kind.value} {where or 'before it'}{visit}{run}"
    case = SubElement(suite, "testcase", classname=trial.task, name=name, time=f"{trial.seconds:.3f}")
    told = "; ".join(printable(each.text) for each in trial.differences) or printable(trial.message)
    if _fails(trial):
        SubElement(case, "failure", message=f"{trial.verdict.value}: {told}")
    elif trial.verdict is Verdict.NOT_REACHED:
        SubElement(case, "skipped", message="the run did not come to this place again")


def _fails(trial: TrialRecord) -> bool:
    return trial.verdict in {Verdict.UNSAFE, Verdict.DOES_NOT_RECOVER} and not trial.allowed
