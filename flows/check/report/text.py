"""Sentences and source excerpts for terminal and page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from flows.check.experiments import Kind
from flows.check.trials import Verdict

if TYPE_CHECKING:
    from flows.check.record import CheckRecord, Finding, TaskRecord

AROUND = 3  # lines of source before and after a place
FAR = 10  # lines before a place, within which the line that had run is shown, too
LIMITS = (
    "effects in systems that are not watched",
    "effects inside a library that one line of the job calls, between the first and the last of them",
    "two attempts that overlap in another way than one being paused while the other runs completely",
    "effects that expire, such as keys that a service forgets after an hour",
    "processes that the job starts, and its other threads",
)


def headline(record: CheckRecord) -> str:
    """Return what was checked, where and how."""
    article = "an" if record.title[0] in "aeiou" else "a"
    return (
        f"{record.target} is {article} {record.title}. {len(record.trials)} experiments in "
        f"{_duration(record.seconds)} on {record.served_by}; "
        f"watched: {', '.join(record.watched) or 'what the run publishes'}."
    )


def summary(record: CheckRecord) -> str:
    """Return the result in one sentence."""
    open_ = [finding for finding in record.findings if not finding.allowed]
    if record.safe:
        allowed = f", except for {len(record.findings)} allowed findings" if record.findings else ""
        if record.planned > len(record.trials):
            return f"Everything that was tried is safe{allowed}; not everything was tried."
        return f"Safe to retry{allowed}."
    parts = []
    for verdict, words in (
        (Verdict.UNSAFE, ("place is unsafe", "places are unsafe")),
        (Verdict.DOES_NOT_RECOVER, ("place does not recover", "places do not recover")),
        (Verdict.NOT_REACHED, ("place was not reached", "places were not reached")),
    ):
        if count := sum(finding.verdict is verdict for finding in open_):
            parts.append(f"{count} {words[count > 1]}")
    if record.not_checked:
        parts.append("some tasks were not checked")
    return f"Not safe to retry: {', '.join(parts)}."


def uncovered(record: CheckRecord) -> list[str]:
    """Return what was not compared or not tested, one sentence each."""
    lines = []
    if record.varying:
        lines.append(f"Not compared, since two runs without faults differ there: {'; '.join(record.varying)}.")
    if skipped := _skipped(record):
        kinds = ", ".join(f"{skipped[kind]} {kind.value}" for kind in Kind if skipped[kind])
        lines.append(
            f"{skipped.total()} of {record.planned} experiments were left out ({kinds}); "
            "--max-runs sets how many are tried."
        )
    lines += [f"Not checked: {text}." for text in (*record.not_checked, *record.notes)]
    return lines


def kinds(record: CheckRecord) -> list[Kind]:
    """The kinds of experiments that there are, tried or left out."""
    return [kind for kind in Kind if any(kind in task.verdicts or kind in task.skipped for task in record.tasks)]


def cell(task: TaskRecord, kind: Kind) -> str:
    """What a table says of a task and a kind of experiment, where it is no verdict: empty for a verdict."""
    if kind not in task.verdicts:
        return "left out" if kind in task.skipped else "-"
    return f"see {task.see[kind]}" if task.verdicts[kind] is Verdict.SAFE and kind in task.see else ""


def _skipped(record: CheckRecord) -> Counter[Kind]:
    """Return how many experiments of each kind were left out."""
    total: Counter[Kind] = Counter()
    for task in record.tasks:
        total.update(task.skipped)
    return total


def place(finding: Finding) -> str:
    """Return where a finding is."""
    if not finding.file or not (line := max(finding.line, 0) or finding.before_line):
        return finding.task
    return f"{finding.file}:{line} in {finding.task}"


class Excerpt(NamedTuple):
    """A line around a finding: its number, its text, and ``>`` at the line itself, ``*`` at the one that had run."""

    number: int
    text: str
    mark: str


def around(record: CheckRecord, finding: Finding) -> list[Excerpt]:
    """Return the source around a finding; empty if it has no line."""
    line = max(finding.line, 0) or finding.before_line
    marks = {finding.before_line: "*", finding.line: ">"}
    for source in record.sources:
        if source.file == finding.file and source.first <= line < source.first + len(source.lines):
            begin = finding.before_line if 0 < line - finding.before_line <= FAR else line
            low = max(source.first, min(begin, line - AROUND))
            high = min(source.first + len(source.lines) - 1, line + AROUND)
            texts = {number: source.lines[number - source.first] for number in range(low, high + 1)}
            return [Excerpt(number, text, marks.get(number, " ")) for number, text in texts.items()]
    return []


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 — two minutes
