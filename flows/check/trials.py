"""Runs experiments: starts the job, injects one fault, recovers as an engine and a person do, and compares."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from flows.check.experiments import SAME_NAME, Kind
from flows.engine.target import Outcome
from shared.isolation.lifetime import ENDED, STOPPED, state_of
from shared.tracing.plan import Action, Evidence, Plan, count_starts, had_effect
from shared.tracing.probe import has_begun_again

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flows.check.experiments import Experiment
    from flows.check.watching import Watched
    from flows.engine.target import JobRun, Runner
    from shared.state.difference import Difference

POLL_INTERVAL = 0.02  # seconds between two polls for evidence


class Verdict(StrEnum):
    """The result of an experiment."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    DOES_NOT_RECOVER = "does not recover"
    NOT_REACHED = "not reached"


class Recovery(StrEnum):
    """What was needed to complete the run."""

    NONE = "nothing"
    ENGINE = "the engine's own retry"
    RETRY = "a retry of the run"
    RESTART = "a new run"
    FAILED = "nothing completed it"


@dataclass(frozen=True)
class Trial:
    """An experiment and its result.

    Attributes:
        experiment: The experiment.
        verdict: The verdict.
        evidence: The evidence; None if it did not happen, or is about a whole run.
        recovery: What was needed to complete the run.
        differences: The differences to the state after a run without faults.
        message: The last message of the run.
        seconds: The duration in seconds.
    """

    experiment: Experiment
    verdict: Verdict
    evidence: Evidence | None
    recovery: Recovery
    differences: tuple[Difference, ...]
    message: str
    seconds: float


@dataclass(frozen=True)
class Limits:
    """The limits of the waits.

    Attributes:
        run: Seconds for one run.
        overlap: Seconds for a second attempt while the first is paused; it may wait for a lock of the first.
    """

    run: float
    overlap: float


class Trials:
    """Runs experiments one after the other."""

    def __init__(self, runner: Runner, watched: Watched, work: Path, by_order: tuple[str, ...], limits: Limits) -> None:
        self._runner, self._watched, self._work = runner, watched, work
        self._by_order, self._limits = by_order, limits
        self._runs: list[JobRun] = []
        self._completed: JobRun | None = None
        self._overlapped = self._repeated = False

    def carry_out(self, experiment: Experiment) -> Trial:
        """Run one experiment, from the same state as all others."""
        started = time.monotonic()
        self._watched.restore()
        self._runner.forget()
        Plan(experiment.action, experiment.place, self._by_order).write(self._work)
        self._runs, self._completed = [], None
        self._overlapped = self._repeated = False
        try:
            recovery, outcome = self._run(experiment)
            evidence = Evidence.find(self._work)
            found = tuple(self._differences(recovery))
        finally:
            for run in self._runs:
                run.stop()
        if not (happened := self._happened(experiment, evidence, recovery)):
            evidence = None
        verdict = _verdict(recovery, found, happened=happened)
        return Trial(experiment, verdict, evidence, recovery, found, outcome.message, time.monotonic() - started)

    def _happened(self, experiment: Experiment, evidence: Evidence | None, recovery: Recovery) -> bool:
        """Whether there is evidence, and it agrees with what is seen from outside."""
        if experiment.place is None:
            return self._repeated
        if evidence is None:
            return False
        if experiment.kind is Kind.OVERLAP:
            return self._overlapped
        if experiment.action is Action.TWICE:
            return had_effect(self._work)
        failed = recovery is not Recovery.ENGINE or has_begun_again(self._work, evidence.place)
        return failed or (experiment.action is Action.ERROR and had_effect(self._work))  # the job may handle an error

    def _run(self, experiment: Experiment) -> tuple[Recovery, Outcome]:
        run = self._start(self._runner.start)
        if experiment.kind is Kind.OVERLAP:
            return self._overlap(run)
        outcome = self._end(run)
        if experiment.place is None:
            self._again(run, experiment.again)
            return Recovery.NONE, outcome
        return self._recover(run, outcome)

    def _again(self, run: JobRun, again: str) -> None:
        """Start a completed run again; a refusal of the second start is no fault."""
        before = count_starts(self._work)
        retried = self._runner.retry(run) if again == SAME_NAME else None
        second = retried or self._runner.start()
        self._runs.append(second)
        refused = not self._end(second).completed
        self._repeated = refused or count_starts(self._work) > before

    def _overlap(self, first: JobRun) -> tuple[Recovery, Outcome]:
        """Let another attempt run completely while the first is paused, then continue the first."""
        outcome, evidence = self._until_evidence(first)
        if evidence is None:
            return self._recover(first, outcome or self._end(first))
        second = first if self._runner.assumes_dead else self._second(first)
        try:
            self._let_run(second, evidence)
            self._overlapped = state_of(evidence.pid) in STOPPED
        finally:
            with suppress(ProcessLookupError):
                os.kill(evidence.pid, signal.SIGCONT)
        if not _wait(lambda: state_of(evidence.pid) in ENDED, self._limits.run):
            os.kill(evidence.pid, signal.SIGKILL)
        last = self._runs[-1]
        outcomes = [self._end(first), self._end(last)]
        if completed := [each for each in outcomes if each.completed]:
            return Recovery.ENGINE if self._runner.assumes_dead else Recovery.RETRY, completed[-1]
        return self._recover(last, outcomes[-1])

    def _let_run(self, second: JobRun, evidence: Evidence) -> None:
        """Give the second attempt time from its start, because it may wait for a lock of the first.

        One that fails meanwhile is retried as a person would.
        """
        begin, limit = time.monotonic(), self._limits.run
        while (outcome := second.wait(POLL_INTERVAL)) is None and time.monotonic() < begin + limit:
            if limit != self._limits.overlap and has_begun_again(self._work, evidence.place):
                begin, limit = time.monotonic(), self._limits.overlap
        if outcome is not None and not outcome.completed:
            self._recover(second, outcome)

    def _second(self, first: JobRun) -> JobRun:
        return self._start(lambda: self._runner.retry(first) or self._runner.start())

    def _until_evidence(self, run: JobRun) -> tuple[Outcome | None, Evidence | None]:
        deadline = time.monotonic() + self._limits.run
        while (outcome := run.wait(POLL_INTERVAL)) is None and time.monotonic() < deadline:
            if evidence := Evidence.find(self._work):
                return None, evidence
        return outcome, None

    def _recover(self, run: JobRun, outcome: Outcome) -> tuple[Recovery, Outcome]:
        """Recover as a person does: retry the run, then start it again."""
        if outcome.completed:
            return Recovery.ENGINE, outcome
        if self._runner.can_retry and (retried := self._runner.retry(run)):
            self._runs.append(retried)
            if (outcome := self._end(retried)).completed:
                return Recovery.RETRY, outcome
        outcome = self._end(self._start(self._runner.start))
        return Recovery.RESTART if outcome.completed else Recovery.FAILED, outcome

    def _start(self, start: Callable[[], JobRun]) -> JobRun:
        run = start()
        self._runs.append(run)
        return run

    def _end(self, run: JobRun) -> Outcome:
        """Return how a run ended; a run that does not end in time is stopped."""
        outcome = run.wait(self._limits.run)
        if outcome is None:
            run.stop()
            return Outcome(completed=False, message=f"it was still running after {self._limits.run:.0f} s")
        if outcome.completed:
            self._completed = run
        return outcome

    def _differences(self, recovery: Recovery) -> list[Difference]:
        if recovery is Recovery.FAILED:
            return []
        published = self._runner.published(self._completed) if self._completed else {}
        return self._watched.compare(self._watched.read() | published)


def _verdict(recovery: Recovery, found: tuple[Difference, ...], *, happened: bool) -> Verdict:
    if not happened:
        return Verdict.NOT_REACHED
    if recovery is Recovery.FAILED:
        return Verdict.DOES_NOT_RECOVER
    return Verdict.UNSAFE if found else Verdict.SAFE


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL)
    return True
