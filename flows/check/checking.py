"""Runs a whole check: two runs without faults, the experiments, and the restore of the state."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from flows.check.experiments import Experiment, Kind, by_order, limit, plan
from flows.check.kinds_of_jobs import targets
from flows.check.launching import ProcessStarter
from flows.check.saved_state import save
from flows.check.trials import Limits, Trial, Trials, Verdict
from flows.check.watching import merged
from flows.engine.target import Request
from shared.run.errors import TerminalError
from shared.run.scratch import scratch
from shared.state.difference import differences
from shared.state.varying import alike, find_varying, leave_out
from shared.tracing.plan import Action, Plan
from shared.tracing.probe import ORCHESTRATOR, TASK
from shared.tracing.record import RunRecord, read_notes, read_records

if TYPE_CHECKING:
    from flows.check.launching import Described
    from flows.check.watching import Watched
    from flows.engine.target import Runner
    from shared.state.table import State
    from shared.state.varying import Varying

FIRST_LIMIT = 600.0  # seconds for a run of unknown duration
SHORTEST_LIMIT = 20.0  # seconds for a run, at least
SLOWER = 5.0  # times the duration without faults; a longer run counts as never ending
OVERLAP_SECONDS = 2.0  # in addition to the time of a run without faults


@dataclass(frozen=True)
class Wanted:
    """What the user asked for.

    Attributes:
        reference: The target.
        parameters: The target's parameters, as ``key=value``.
        input: The arguments of its first task, as JSON.
        task: The first task.
        kinds: The kinds of experiments.
        most: The maximum number of experiments.
        seed: The seed for their order.
        timeout: The timeout of one run in seconds; None derives it from the run without faults.
    """

    reference: str
    parameters: tuple[str, ...] = ()
    input: str = ""
    task: str = ""
    kinds: tuple[Kind, ...] = tuple(Kind)
    most: int = 500
    seed: int = 0
    timeout: float | None = None


@dataclass
class Checked:
    """Everything that a report needs.

    Attributes:
        wanted: What the user asked for.
        described: The description of the job.
        served_by: What ran it.
        at: When it began, in UTC.
        run_seconds: The duration of a run without faults in seconds.
        records: The lines that its tasks executed.
        notes: What it does that is not tested.
        not_checked: Tasks that are not followed.
        varying: Values that were left out of the state.
        planned: All possible experiments.
        trials: The experiments that were carried out.
    """

    wanted: Wanted
    described: Described
    served_by: str
    at: datetime
    run_seconds: float
    records: list[RunRecord]
    notes: list[str]
    not_checked: list[str]
    varying: list[str]
    planned: list[Experiment]
    trials: list[Trial] = field(default_factory=list)


class Progress(Protocol):
    """Shows the progress of a check."""

    def phase(self, text: str) -> None:
        """Start a phase without experiments."""

    def begin(self, experiment: Experiment, number: int, total: int) -> None:
        """Start the experiment with this number."""

    def end(self, trial: Trial) -> None:
        """End the experiment."""


def check(wanted: Wanted, watched: Watched, progress: Progress) -> Checked:
    """Run a check. The watched state is restored afterwards in any case.

    Raises:
        TerminalError: The target cannot be checked; the message says why and what to do.
    """
    with ExitStack() as stack:
        work = stack.enter_context(scratch())
        launcher = ProcessStarter(
            Request(wanted.reference, watched.folder, work, wanted.parameters, wanted.input, wanted.task)
        )
        progress.phase(f"importing {wanted.reference}")
        described = launcher.describe()
        watched.read()
        watched.saved = save(watched, wanted.reference)
        stack.callback(_restore, watched)
        progress.phase("starting what runs it")
        target = targets()[described.engine]
        runner = stack.enter_context(target.open(launcher.request, launcher))
        return _Check(wanted, watched, progress, described, runner, launcher).carry_out()


def _restore(watched: Watched) -> None:
    """Restore the state, then remove the copy."""
    watched.restore()
    if watched.saved:
        watched.saved.forget()


@dataclass
class _Baseline:
    """The result of a run without faults."""

    records: list[RunRecord]
    notes: list[str]
    not_checked: list[str]
    watched: list[State]
    state: State
    seconds: float


class _Check:
    """A check that is ready to run."""

    def __init__(  # noqa: PLR0913, PLR0917 — what was made ready
        self,
        wanted: Wanted,
        watched: Watched,
        progress: Progress,
        described: Described,
        runner: Runner,
        launcher: ProcessStarter,
    ) -> None:
        self._wanted, self._watched, self._progress = wanted, watched, progress
        self._described, self._runner, self._launcher = described, runner, launcher
        self._work = launcher.request.work

    def carry_out(self) -> Checked:
        """Run twice without faults, then run all experiments."""
        at = datetime.now(UTC)
        self._watched.restore()
        before = self._watched.read_each()
        self._progress.phase("running without faults, to see what it does")
        first = self._baseline()
        notes = self._unchanged(before, first.watched)
        self._verify_restoring(merged(before))
        self._progress.phase("running without faults again, to see what varies")
        second = self._baseline()
        varying = self._compare(merged(before), first.state, second.state)
        ordered = by_order(first.records, second.records)
        checked = Checked(
            self._wanted,
            self._described,
            self._runner.served_by,
            at,
            second.seconds,
            second.records,
            list(dict.fromkeys([*first.notes, *second.notes, *notes])),
            list(dict.fromkeys([*self._described.not_checked, *second.not_checked])),
            [str(each) for each in varying],
            plan(second.records, ordered, self._wanted.kinds, again=self._runner.can_retry),
        )
        trials = Trials(self._runner, self._watched, self._work, ordered, self._limits(second.seconds))
        self._try_all(checked, trials)
        return checked

    def _try_all(self, checked: Checked, trials: Trials) -> None:
        chosen = limit(checked.planned, self._wanted.most, self._wanted.seed)
        for number, experiment in enumerate(chosen, 1):
            self._progress.begin(experiment, number, len(chosen))
            trial = trials.carry_out(experiment)
            if trial.verdict is Verdict.NOT_REACHED:  # the job may take another path this time
                trial = trials.carry_out(experiment)
            checked.trials.append(trial)
            self._progress.end(trial)

    def _unchanged(self, before: list[State], after: list[State]) -> list[str]:
        """Return the sources that a run does not change, one sentence each; a TerminalError if it changes none."""
        sources = self._watched.sources
        names = [source.name for source, one, two in zip(sources, before, after, strict=True) if one == two]
        if sources and len(names) == len(sources):
            raise TerminalError(
                f"a run changes nothing in {', '.join(names)}; watch what it changes, or restore the state to what it "
                "is before the work is done"
            )
        return [f"a run changes nothing in {name}" for name in names]

    def _verify_restoring(self, before: State) -> None:
        """Restore what a run changed; a TerminalError if the state differs from the one before."""
        self._watched.restore()
        restored = self._watched.read()
        if found := differences(*alike(before, restored)):
            how = f"--reset {self._watched.reset!r}" if self._watched.reset else "the copy of the watched state"
            raise TerminalError(f"{how} does not make the state what it was before a run: {found[0].text}")

    def _baseline(self) -> _Baseline:
        self._watched.restore()
        self._runner.forget()
        Plan(Action.RECORD).write(self._work)
        started = time.monotonic()
        run = self._runner.start()
        try:
            outcome = run.wait(self._wanted.timeout or FIRST_LIMIT)
            if outcome is None:
                raise TerminalError(
                    f"the target is still running after {self._wanted.timeout or FIRST_LIMIT:g} s; "
                    "give --timeout, or parameters with which it takes less"
                )
            seconds = time.monotonic() - started
            if not outcome.completed:
                raise TerminalError(f"the target fails without any fault: {self._reason(outcome.message)}")
            watched = self._watched.read_each()
            state = merged(watched) | self._runner.published(run)
            records, notes = read_records(self._work), read_notes(self._work)
            followed = Counter(record.task for record in records if record.role == TASK)
            return _Baseline(records, notes, self._runner.unfollowed(run, followed), watched, state, seconds)
        finally:
            run.stop()

    def _reason(self, message: str) -> str:
        """Why a run failed: what the job raised and where, else what its engine or its output says."""
        errors = [record for record in read_records(self._work) if record.error]
        if not errors:
            return f"{message}{self._launcher.output()}"
        last = next((record for record in errors if record.role == ORCHESTRATOR), errors[-1])
        return f"{last.task} raises {last.error.replace(f'{self._watched.folder}/', '')}"

    def _compare(self, before: State, first: State, second: State) -> list[Varying]:
        """Return what varies; a TerminalError if nothing is left to compare."""
        if not first:
            raise TerminalError("nothing is watched that a run can change; set --watch")
        varying = find_varying(first, second)
        expected = leave_out(second, varying)
        if not expected or expected == leave_out(before, varying):
            raise TerminalError(
                "two runs without faults leave nothing that can be compared: everything they change differs "
                f"({', '.join(map(str, varying))})"
            )
        self._watched.varying, self._watched.whole, self._watched.expected = varying, second, expected
        return varying

    def _limits(self, seconds: float) -> Limits:
        waits = self._described.retry_seconds
        run = self._wanted.timeout or max(SHORTEST_LIMIT, SLOWER * seconds + waits)
        return Limits(run, OVERLAP_SECONDS + 2 * seconds + waits)
