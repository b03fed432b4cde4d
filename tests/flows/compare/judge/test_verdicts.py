"""The rules of the verdicts: each row is a run that some rule would judge wrongly if another rule came first."""

from __future__ import annotations

import pytest

from flows.compare.judge.verdicts import Facts, verdict_on
from flows.engine.verdicts import Verdict

GONE = {"completed": False, "published": False}  # the caller got no result, and there is none
CASES = {
    "nothing happened": (Facts(), Verdict.UNAFFECTED),
    # recovered, and by whom
    "the engine tried again": (Facts(retries=2, disturbed=True), Verdict.ENGINE),
    "the engine tried again after a death": (Facts(retries=1, deaths=1, disturbed=True), Verdict.ENGINE),
    "our isolation turned a death into a failed attempt": (
        Facts(retries=1, deaths=1, disturbed=True, isolated=True),
        Verdict.OURS,
    ),
    "an error below isolation is the engine's": (Facts(retries=1, disturbed=True, isolated=True), Verdict.ENGINE),
    "our own loop tried again": (Facts(retries=1, disturbed=True, orchestrated=False), Verdict.OURS),
    "started again by the comparison": (Facts(starts=2, invocations=2, disturbed=True), Verdict.OURS),
    "started again by the engine itself": (Facts(invocations=2, disturbed=True), Verdict.ENGINE),
    "two attempts at once, one commit": (Facts(retries=1, overlaps=1, disturbed=True), Verdict.OURS),
    "a fault that no attempt shows was absorbed by our code": (Facts(disturbed=True), Verdict.OURS),
    # failed: the caller knows
    "an error that the caller sees": (Facts(**GONE, retries=3, disturbed=True), Verdict.FAILED),
    "killed, and nobody says that it runs": (Facts(**GONE, disturbed=True), Verdict.FAILED),
    "an error, and the rest of the run is alive elsewhere": (
        Facts(**GONE, says_running=True, continues=True),
        Verdict.FAILED,
    ),
    # stuck: nobody knows
    "no answer before the deadline": (Facts(**GONE, ended=False), Verdict.STUCK),
    "no answer before the deadline, with all shards committed": (
        Facts(**GONE, ended=False, retries=1),
        Verdict.STUCK,
    ),
    "all is dead and the engine says running": (Facts(**GONE, says_running=True), Verdict.STUCK),
    "exit status 0 while the engine says running": (
        Facts(**GONE, silent_success=True, says_running=True),
        Verdict.STUCK,
    ),
    # silently wrong: the user is misled
    "completed, and other records": (Facts(wrong=True), Verdict.WRONG),
    "completed after a retry, and other records": (Facts(wrong=True, retries=1, disturbed=True), Verdict.WRONG),
    "completed, and nothing is published": (Facts(published=False), Verdict.WRONG),
    "exit status 0, no answer, nothing published": (Facts(**GONE, silent_success=True), Verdict.WRONG),
    "failed, and what counts as committed is wrong": (
        Facts(completed=False, published=False, wrong=True),
        Verdict.WRONG,
    ),
    "stuck, and what counts as committed is wrong": (Facts(**GONE, ended=False, wrong=True), Verdict.WRONG),
}


@pytest.mark.parametrize(("seen", "verdict"), CASES.values(), ids=CASES.keys())
def test_a_verdict_follows_from_the_evidence(seen: Facts, verdict: Verdict) -> None:
    """Each case has one verdict, whatever the engine says of itself."""
    assert verdict_on(seen) is verdict


def test_every_verdict_has_a_case() -> None:
    """No verdict is left without an example."""
    assert {verdict for _, verdict in CASES.values()} == set(Verdict)
