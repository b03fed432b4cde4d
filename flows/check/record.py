"""The result of a check, as in check.json; page, terminal output and JUnit are made from it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from flows.check.experiments import Kind  # noqa: TC001 — pydantic reads the annotations
from flows.check.trials import Recovery, Verdict

VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DifferenceRecord(_Part):
    """One difference of the state.

    Attributes:
        table: The table.
        kind: The kind of difference, such as ``duplicate``.
        count: The number of affected rows.
        text: The difference in words.
    """

    table: str
    kind: str
    count: int
    text: str


class TrialRecord(_Part):
    """One experiment.

    Attributes:
        kind: What happened.
        task: To which task.
        run: Which run of it, from 1; 0 for the whole run.
        runs: How many runs of it there are.
        file: Of the line; empty where there is none.
        line: Before which it happened; 0 before all lines, -1 after the last.
        visit: Of that line, from 1.
        before_file: Of the line that was executed last before.
        before_line: That line; 0 where there was none.
        again: What was done again after a whole run; empty for other experiments.
        position: In the order of execution.
        verdict: What it shows.
        happened: Whether there is evidence that it happened at its place.
        recovery: What it took to complete the run.
        differences: Of the state.
        message: What the run said last.
        seconds: How long it took.
        finding: The number of the finding that explains it, from 1; 0 for none.
        allowed: Whether the person allows what it shows.
    """

    kind: Kind
    task: str
    run: int
    runs: int
    file: str
    line: int
    visit: int
    before_file: str
    before_line: int
    again: str
    position: int
    verdict: Verdict
    happened: bool
    recovery: Recovery
    differences: tuple[DifferenceRecord, ...]
    message: str
    seconds: float
    finding: int
    allowed: bool


class TaskRecord(_Part):
    """One task, or what runs between tasks.

    Attributes:
        name: Of the task.
        runs: How many there are in a run of the job.
        lines: How many different lines it executes.
        verdicts: The worst of each kind of experiment, without harm that another task does.
        see: The task that does such harm, by kind of experiment.
        skipped: How many experiments of each kind were left out; kinds of which all were tried are not there.
    """

    name: str
    runs: int
    lines: int
    verdicts: dict[Kind, Verdict]
    see: dict[Kind, str]
    skipped: dict[Kind, int]


class Finding(_Part):
    """What is wrong at one place, found by one or more experiments.

    Attributes:
        verdict: ``unsafe``, ``does not recover`` or ``not reached``.
        task: Where.
        file: Of the line; empty for the whole run.
        line: Before which it happened.
        before_line: The line that had run.
        kinds: Of the experiments that show it.
        text: Sentences that say what was done, and what came of it.
        pattern: Of the documented list; empty for none.
        advice: How to fix it; empty where no pattern is known.
        lines: All lines of this task and kind with the same result.
        allowed: Whether the person allows it.
    """

    verdict: Verdict
    task: str
    file: str
    line: int
    before_line: int
    kinds: tuple[Kind, ...]
    text: str
    pattern: str
    advice: str
    lines: tuple[int, ...]
    allowed: bool


class SourceRecord(_Part):
    """The source of a function of the job.

    Attributes:
        task: The task that executes it.
        file: Where it is.
        first: The number of its first line.
        lines: Its text.
    """

    task: str
    file: str
    first: int
    lines: tuple[str, ...]


class CheckRecord(_Part):
    """A check.

    Attributes:
        format: What this file is.
        version: Of its form.
        target: What was checked, as it was named.
        title: What it is, such as ``flow``.
        served_by: What ran it.
        machine: System, cores and Python.
        at: When it began, in UTC.
        seconds: How long it took.
        run_seconds: How long a run without faults took.
        seed: Of the order of the experiments.
        watched: The state that was compared.
        varying: Values in it that two runs without faults do not agree on, which were left out.
        notes: What the job does that is not tried.
        not_checked: Tasks that are not followed, a sentence each.
        planned: How many experiments there are.
        tasks: What was tried.
        findings: What is wrong.
        trials: All experiments.
        sources: Of the functions that were executed.
    """

    format: Literal["shardwise check"] = "shardwise check"
    version: Literal[1] = 1
    target: str
    title: str
    served_by: str
    machine: str
    at: str
    seconds: float
    run_seconds: float
    seed: int
    watched: tuple[str, ...]
    varying: tuple[str, ...]
    notes: tuple[str, ...]
    not_checked: tuple[str, ...]
    planned: int
    tasks: tuple[TaskRecord, ...]
    findings: tuple[Finding, ...]
    trials: tuple[TrialRecord, ...]
    sources: tuple[SourceRecord, ...]

    @property
    def safe(self) -> bool:
        """Whether all tested places are safe or allowed, and nothing is left unchecked."""
        return not self.not_checked and all(trial.verdict is Verdict.SAFE or trial.allowed for trial in self.trials)
