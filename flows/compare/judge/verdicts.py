"""The rules that give a run its verdict: from store, ledger and checks, not from an engine alone."""

from __future__ import annotations

from dataclasses import dataclass

from flows.engine.verdicts import Verdict


@dataclass(frozen=True)
class Facts:
    """What a verdict follows from. The defaults describe a run that nothing disturbed.

    Attributes:
        completed: The last caller's answer says that the run completed.
        ended: The last start ended before its deadline: by an answer, or by the end of its process.
        silent_success: The caller's process left with exit status 0 and without an answer.
        says_running: The engine's own record has the last start as unfinished.
        continues: Something is alive that could still finish the run.
        published: The store holds the run's result.
        wrong: Store, result, answer or the pipeline's own check differ from an undisturbed run.
        starts: How often the comparison started the run.
        invocations: How often the run was started, by whomever.
        retries: Attempts after the first of their step and invocation.
        overlaps: Attempts at one step that ran at the same time.
        deaths: Attempts that could not record their own end.
        disturbed: A fault that needs recovery fired, or the run was interrupted.
        orchestrated: An engine that is not ours makes the retries: neither our own loop nor a stand-in of ours.
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
        """No answer before the deadline, or all is dead and the engine still says running."""
        return not self.completed and (not self.ended or (self.says_running and not self.continues))

    @property
    def misleading(self) -> bool:
        """Whoever trusts the answer, the exit status or what is published is misled."""
        return self.wrong or ((self.completed or self.silent_success) and not self.published)

    @property
    def recovered_by_us(self) -> bool:
        """What completed the run is code of ours: a second start, atomic commits, isolation, our own retries."""
        by_engine = self.retries or self.invocations > self.starts
        return bool(
            self.starts > 1
            or self.overlaps
            or not self.orchestrated
            or (self.isolated and self.deaths)
            or (self.disturbed and not by_engine)
        )


def verdict_on(seen: Facts) -> Verdict:
    """The verdict on a run; the first rule that holds."""
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
