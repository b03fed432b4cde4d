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
        kind: The kind of experiment.
        task: The task.
        run: The run of the task, from 1; 0 for the whole run.
        runs: The number of runs of the task.
        file: The file of the line; empty without a line.
        line: The line before which it happened; 0 before all lines, -1 after the last.
        visit: The visit of that line, from 1.
        before_file: The file of the line that was executed before.
        before_line: That line; 0 if there was none.
        again: What was repeated after a whole run; empty for other experiments.
        position: The position in the order of execution.
        verdict: The verdict.
        happened: Whether there is evidence that it happened at its place.
        recovery: What was needed to complete the run.
        differences: The differences of the state.
        message: The last message of the run.
        seconds: The duration in seconds.
        finding: The number of the finding that explains it, from 1; 0 for none.
        allowed: Whether the user allows the result.
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
    """One task, or the code between tasks.

    Attributes:
        name: The task's name.
        runs: The number of its runs in a run of the job.
        lines: The number of different lines that it executes.
        verdicts: The worst verdict of each kind of experiment, without problems that another task causes.
        see: The task that causes the problem, by kind of experiment.
        skipped: The number of experiments that were left out.
    """

    name: str
    runs: int
    lines: int
    verdicts: dict[Kind, Verdict]
    see: dict[Kind, str]
    skipped: dict[Kind, int]


class Finding(_Part):
    """A problem at one place, found by one or more experiments.

    Attributes:
        verdict: ``unsafe``, ``does not recover`` or ``not reached``.
        task: The task.
        file: The file of the line; empty for the whole run.
        line: The line before which it happened.
        before_line: The line that had run.
        kinds: The kinds of experiments that show it.
        text: Sentences that say what was done, and the result.
        pattern: The documented pattern; empty for none.
        advice: How to fix it; empty without a known pattern.
        lines: All lines of this task and kind with the same result.
        allowed: Whether the user allows it.
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
        file: The file.
        first: The number of its first line.
        lines: The text of its lines.
    """

    task: str
    file: str
    first: int
    lines: tuple[str, ...]


class CheckRecord(_Part):
    """A check.

    Attributes:
        format: The format of this file.
        version: The version of the format.
        target: The target, as the user named it.
        title: The kind of target, such as ``flow``.
        served_by: What ran it.
        machine: System, cores and Python.
        at: When it began, in UTC.
        seconds: The duration in seconds.
        run_seconds: The duration of a run without faults in seconds.
        seed: The seed for the order of the experiments.
        watched: The state that was compared.
        varying: Values that differ between two runs without faults, and were left out.
        notes: What the job does that is not tested.
        not_checked: Tasks that are not followed, one sentence each.
        planned: The number of possible experiments.
        tasks: The tested tasks.
        findings: The problems.
        trials: All experiments.
        sources: The source of the executed functions.
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
