"""Makes the record of a check: verdicts by task, findings in words, tested source."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flows.check.allowing import Allowed
from flows.check.calls import source_lines
from flows.check.experiments import Kind
from flows.check.findings import Found, find
from flows.check.patterns import pattern_of
from flows.check.record import (
    CheckRecord,
    DifferenceRecord,
    Finding,
    SourceRecord,
    TaskRecord,
    TrialRecord,
)
from flows.check.sentences import sentences
from flows.check.trials import Trial, Verdict
from flows.engine.observed_on import machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flows.check.checking import Checked
    from flows.check.watching import Watched
    from shared.tracing.record import RunRecord

WORST = (Verdict.UNSAFE, Verdict.DOES_NOT_RECOVER, Verdict.NOT_REACHED, Verdict.SAFE)


def make_record(checked: Checked, watched: Watched, allow: Sequence[str]) -> CheckRecord:
    """Return the record of a check.

    Args:
        checked: The check.
        watched: The state that was compared.
        allow: What the user allows, as in ``--allow``.
    """
    folder, allowed = watched.folder, Allowed(tuple(allow))
    tasks = list(dict.fromkeys(record.task for record in checked.records))
    found = find(checked.trials, tasks)
    findings = [_finding(each, checked, watched, allowed) for each in found]
    numbers = {id(trial): number for number, each in enumerate(found, 1) for trial in each.trials}
    trials = [_trial(trial, folder, numbers.get(id(trial), 0), findings) for trial in checked.trials]
    described = checked.described
    return CheckRecord(
        target=checked.wanted.reference,
        title=described.title,
        served_by=checked.served_by,
        machine=machine(),
        at=checked.at.isoformat(timespec="seconds"),
        seconds=round((datetime.now(UTC) - checked.at).total_seconds(), 1),
        run_seconds=round(checked.run_seconds, 3),
        seed=checked.wanted.seed,
        watched=tuple(source.name for source in watched.sources),
        varying=tuple(checked.varying),
        notes=tuple(checked.notes),
        not_checked=() if allowed.not_checked else tuple(checked.not_checked),
        planned=len(checked.planned),
        tasks=tuple(_tasks(checked, tasks, trials, findings)),
        findings=tuple(findings),
        trials=tuple(trials),
        sources=tuple(_sources(checked.records, folder)),
    )


def _trial(trial: Trial, folder: Path, finding: int, findings: list[Finding]) -> TrialRecord:
    experiment, place = trial.experiment, trial.experiment.place
    before = experiment.before or ("", 0)
    if trial.evidence and trial.evidence.file:
        before = trial.evidence.file, trial.evidence.line
    return TrialRecord(
        kind=experiment.kind,
        task=experiment.task,
        run=experiment.run,
        runs=experiment.runs,
        file=_short(place.file, folder) if place else "",
        line=place.line if place else 0,
        visit=place.visit if place else 0,
        before_file=_short(before[0], folder),
        before_line=before[1],
        again=experiment.again,
        position=experiment.position,
        verdict=trial.verdict,
        happened=trial.verdict is not Verdict.NOT_REACHED,
        recovery=trial.recovery,
        differences=tuple(
            DifferenceRecord(table=each.table, kind=each.kind.value, count=each.count, text=each.text)
            for each in trial.differences
        ),
        message=trial.message,
        seconds=round(trial.seconds, 3),
        finding=finding,
        allowed=finding > 0 and findings[finding - 1].allowed,
    )


def _finding(found: Found, checked: Checked, watched: Watched, allowed: Allowed) -> Finding:
    first, place = found.first, found.first.experiment.place
    before = first.experiment.before or ("", 0)
    if first.evidence and first.evidence.file:
        before = first.evidence.file, first.evidence.line
    keys = {name: table.key for name, table in watched.whole.items()}
    pattern = pattern_of(found, keys, checked.varying)
    file = place.file if place and place.file else before[0]
    here = [trial.experiment.place for trial in found.trials if trial.experiment.task == found.task]
    finding = Finding(
        verdict=found.verdict,
        task=found.task,
        file=_short(file, watched.folder),
        line=place.line if place else 0,
        before_line=before[1],
        kinds=tuple(sorted({trial.experiment.kind for trial in found.trials}, key=list(Kind).index)),
        text=sentences(found),
        pattern=pattern.name if pattern else "",
        advice=f"{pattern.advice} ({pattern.link})" if pattern else "",
        lines=tuple(sorted({each.line for each in here if each and each.line > 0})),
        allowed=False,
    )
    return finding.model_copy(update={"allowed": allowed.includes(finding)})


def _tasks(
    checked: Checked, tasks: list[str], trials: list[TrialRecord], findings: list[Finding]
) -> Iterable[TaskRecord]:
    verdicts: defaultdict[str, dict[Kind, Verdict]] = defaultdict(dict)
    see: defaultdict[str, dict[Kind, str]] = defaultdict(dict)
    for trial in trials:
        task, verdict = trial.task, trial.verdict
        if trial.finding and (other := findings[trial.finding - 1].task) != task:
            see[task][trial.kind], verdict = other, Verdict.SAFE
        verdicts[task][trial.kind] = min(verdict, verdicts[task].get(trial.kind, Verdict.SAFE), key=WORST.index)
    skipped = Counter((each.task, each.kind) for each in checked.planned)
    skipped -= Counter((trial.experiment.task, trial.experiment.kind) for trial in checked.trials)
    runs = Counter(record.task for record in checked.records)
    for task in dict.fromkeys([*tasks, *verdicts, *(task for task, _ in skipped)]):
        lines = {(line.file, line.line) for record in checked.records if record.task == task for line in record.lines}
        yield TaskRecord(
            name=task,
            runs=runs[task],
            lines=len(lines),
            verdicts=verdicts[task],
            see=see[task],
            skipped={kind: skipped[task, kind] for kind in Kind if (task, kind) in skipped},
        )


def _sources(records: Sequence[RunRecord], folder: Path) -> Iterable[SourceRecord]:
    """Return every executed function, once per task."""
    done: set[tuple[str, str, int]] = set()
    for record in records:
        for line in record.lines:
            first, last = _function_at(line.file, line.line)
            if (record.task, line.file, first) not in done:
                done.add((record.task, line.file, first))
                text = tuple(source_lines(line.file)[first - 1 : last])
                yield SourceRecord(task=record.task, file=_short(line.file, folder), first=first, lines=text)


def _function_at(file: str, line: int) -> tuple[int, int]:
    """Return the first and the last line of the function around a line."""
    return max((each for each in _functions(file) if each[0] <= line <= each[1]), default=(line, line))


@cache
def _functions(file: str) -> list[tuple[int, int]]:
    return [
        (min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse("\n".join(source_lines(file))))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _short(file: str, folder: Path) -> str:
    return str(Path(file).relative_to(folder)) if file and Path(file).is_relative_to(folder) else file
