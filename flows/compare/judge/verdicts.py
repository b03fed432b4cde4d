"""The rules that give a run its verdict, from store, ledger and checks, not only from the engine."""

from __future__ import annotations

from dataclasses import dataclass

from flows.engine.verdicts import Verdict


@dataclass(frozen=True)
class Facts:
    """The facts for a verdict. The defaults describe a run without faults.

    Attributes:
        completed: The last caller got the answer that the run completed.
        ended: The last start ended before its deadline, with an answer or with the end of its process.
        silent_success: The caller's process exited with status 0 and without an answer.
        says_running: The engine's record shows the last start as unfinished.
        continues: Something is alive that can still finish the run.
        published: The store has the run's result.
        wrong: Store, result, answer or the pipeline's check differ from a run without faults.
        starts: How often the comparison started the run.
        invocations: How often the run was started, by anything.
        retries: Attempts after the first of their step and invocation.
        overlaps: Parallel attempts at one step.
        deaths: Attempts that could not record their own end.
        disturbed: A fault that needs recovery fired, or the run was interrupted.
        orchestrated: The retries are made by an engine, not by our own loop or our stand-in.
        isolated: Our code, not the engine, turns the death of a process into a failed attempt.
    """

    completed: bool = True
    ended: bool = True
    silent_success: bool = False
    says_running: bool = False
    continues: bool = False
    published: bool = True
    wrong: bool = False
    starts: int = 1
    invocations: int = 1
    retries: int = 0
    overlaps: int = 0
    deaths: int = 0
    disturbed: bool = False
    orchestrated: bool = True
    isolated: bool = False

    @property
    def stuck(self) -> bool:
        """Whether there was no answer before the deadline, or all is dead and the engine still says running."""
        return not self.completed and (not self.ended or (self.says_running and not self.continues))

    @property
    def misleading(self) -> bool:
        """Whether the answer, the exit status or the published output is wrong."""
        return self.wrong or ((self.completed or self.silent_success) and not self.published)

    @property
    def recovered_by_us(self) -> bool:
        """Whether our code completed the run: a second start, atomic commits, isolation, or our own retries."""
        by_engine = self.retries or self.invocations > self.starts
        return bool(
            self.starts > 1
            or self.overlaps
            or not self.orchestrated
            or (self.isolated and self.deaths)
            or (self.disturbed and not by_engine)
        )


def verdict_on(seen: Facts) -> Verdict:
    """Return the verdict on a run: that of the first rule that applies."""
    if seen.wrong:
        return Verdict.WRONG
    if seen.stuck:
        return Verdict.STUCK
    if seen.misleading:
        return Verdict.WRONG
    if not seen.completed:
        return Verdict.FAILED
    touched = seen.retries or seen.disturbed or seen.overlaps or max(seen.starts, seen.invocations) > 1
    if not touched:
        return Verdict.UNAFFECTED
    return Verdict.OURS if seen.recovered_by_us else Verdict.ENGINE
