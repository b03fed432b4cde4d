"""A table of lies, each of which an earlier version believed or a sceptic planted, and what is reported now.

A lie is planted in the evidence of a cell, in a foreign file, in a column or in an earlier comparison: never in
the code. What needs a run is in ``observe/test_outputs.py``, ``observe/test_verifying.py`` and ``test_own_job.py``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from flows.compare.judge.judgement import judged
from flows.compare.judge.recorded import combined, read_recorded
from flows.compare.record.observed import Firing, Published
from flows.compare.report.against import changes
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.readme import MEASURED
from flows.engine.record import Record
from flows.engine.verdicts import Absent, Verdict
from flows.registry import PRICES
from shared.faults.plan import Fault
from shared.run.errors import TerminalError
from tests.flows.compare.attempts import POLICY, at, attempt
from tests.flows.compare.made import COLUMNS, cell, column, comparison, mismatch, scenario, start, wait

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flows.compare.record.comparison import Column, Comparison
    from flows.compare.record.observed import Cell

Json = dict[str, Any]
A = "shard-002"
STAGE, DONE, DEAD = attempt("stage", 1, 0, 1), attempt(A, 1, 1, 2), attempt(A, 1, 1, None)
RAISED = attempt(A, 1, 1, 2, outcome="failed", error="TransientError: planned fault: exception")
KILLED = attempt(A, 1, 1, 2, outcome="died", ended_by="watcher")
AGAIN = attempt(A, 2, 4, 5)
STUCK = start(91, completed=False, answered=False, ended=False, status=None, ended_at=at(91))
FAILED = start(4, completed=False, error="no")


def told_of_cell(*attempts: Any, plan: str = "", fired: str = "", short: bool = False, **evidence: Any) -> str:
    """Verdict, mismatches and findings of a cell with these attempts besides its staging.

    Args:
        attempts: At shard 2.
        plan: The kind of fault that is planned at its first attempt.
        fired: The kind that left a marker there; by default the planned one.
        short: Whether the scenario shortens the timeout.
        evidence: Other fields of the observation.
    """
    faults = (Fault(plan, A),) if plan else ()
    kind = fired or plan
    given = {"attempts": (STAGE, *attempts), "fired": (Firing(A, 1, kind),) if kind else ()} | evidence
    asked = scenario("a").model_copy(update={"plan": faults, "short_timeout": short})
    found = judged(cell("a", "prefect").model_copy(update=given), asked, column("prefect")).judgement
    return "\n".join([found.verdict, *found.mismatches, *found.findings])


def stored(**more: Any) -> Published:
    """What a run left that published its result."""
    return Published(**({"finished": True, "digest": "v1:1000:ab", "committed": 10} | more))


def engine(**attempts: int) -> tuple[Record, ...]:
    """What an engine says of a run that completed."""
    return (Record("completed", {"stage": 1} | {name.replace("_", "-"): n for name, n in attempts.items()}),)


IN_A_CELL: dict[str, tuple[Callable[[], str], str]] = {
    # what a run left
    "a record twice": (lambda: told_of_cell(DONE, store=stored(duplicated=1)), "silently wrong"),
    "a total that is too high": (lambda: told_of_cell(DONE, store=stored(result=("n is 7",))), "silently wrong"),
    "another digest to the caller": (lambda: told_of_cell(DONE, store=stored(answer=("digest",))), "silently wrong"),
    "a file beside the output": (lambda: told_of_cell(DONE, store=stored(beside=("a.csv: 1",))), "silently wrong"),
    "two rows outside the store": (lambda: told_of_cell(DONE, store=stored(problems=("twice",))), "silently wrong"),
    "completed without a result": (
        lambda: told_of_cell(DONE, store=Published(finished=False, digest=None, committed=10)),
        "silently wrong",
    ),
    "files of a run that failed": (
        lambda: told_of_cell(DONE, starts=(FAILED,), store=stored(finished=False, digest=None, left=3)),
        "files of 3 shards, and the run published no result",
    ),
    "a failed run with a wrong shard": (
        lambda: told_of_cell(DONE, starts=(FAILED,), store=stored(finished=False, digest=None, stale=1)),
        "silently wrong",
    ),
    "a verify that gave no answer": (
        lambda: told_of_cell(DONE, store=stored(unverified="verify returned None, not a list of texts")),
        "not tested\nverify returned None",
    ),
    "other bytes": (lambda: told_of_cell(DONE, store=stored(other_bytes=2)), "files of 2 shards differ in their bytes"),
    # faults
    "a kill that does nothing": (
        lambda: told_of_cell(DONE, plan="kill"),
        "not tested\nkill at",
    ),
    "an error in place of a kill": (lambda: told_of_cell(RAISED, AGAIN, plan="kill"), "not tested\nkill at"),
    "an error in place of a full disk": (
        lambda: told_of_cell(RAISED, AGAIN, plan="disk_full"),
        "not tested\ndisk_full",
    ),
    "a fault without a marker": (
        lambda: told_of_cell(KILLED, AGAIN, plan="kill", fired="slow"),
        "kill at shard-002, attempt 1 did not fire",
    ),
    "a fault of another kind": (
        lambda: told_of_cell(KILLED, AGAIN, plan="kill", fired="hang"),
        "hang at shard-002, attempt 1 fired, which was not planned",
    ),
    "a fault that fired elsewhere": (
        lambda: told_of_cell(KILLED, AGAIN, fired="kill"),
        "kill at shard-002, attempt 1 fired, which was not planned",
    ),
    "a fault that could never fire": (
        lambda: told_of_cell(DONE, plan="kill", shards=2),
        "kill at shard-002, attempt 1 could never fire: the run has 2 shards",
    ),
    # the ledger
    "a failure that nobody planned": (lambda: told_of_cell(RAISED, AGAIN), "failed, and nothing was planned there"),
    "a death that nobody planned": (lambda: told_of_cell(DEAD), "began and never ended, and nothing killed it"),
    "an overlap that nobody planned": (
        lambda: told_of_cell(DONE, attempt(A, 2, 1.5, 3)),
        "shard-002 #2 began while shard-002 #1 still ran",
    ),
    "a shard that was done again": (
        lambda: told_of_cell(DONE, attempt(A, 1, 9, 10, invocation=2), starts=(FAILED, start(4))),
        "committed shards were processed again: shard-002",
    ),
    "an empty ledger": (lambda: told_of_cell(attempts=()), "published a result, and the ledger has no attempt"),
    "an attempt that only the ledger has": (
        lambda: told_of_cell(DONE, engine=engine(shard_002=0)),
        "the engine reports 0 attempts at shard-002 in start 1, the ledger 1",
    ),
    "an attempt that only the engine has": (
        lambda: told_of_cell(DONE, engine=engine(shard_002=2)),
        "the engine reports 2 attempts at shard-002 in start 1, the ledger 1",
    ),
    "an engine that says completed": (
        lambda: told_of_cell(DONE, engine=engine(shard_002=1), starts=(FAILED,), store=stored(finished=False)),
        "the engine says completed, and no result is published",
    ),
    # time
    "a retry that comes at once": (
        lambda: told_of_cell(RAISED, attempt(A, 2, 2, 3), plan="exception"),
        "came after 0 s, before the declared 2 s",
    ),
    "a retry after a kill that comes at once": (
        lambda: told_of_cell(KILLED, attempt(A, 2, 2, 3), plan="kill"),
        "came after 0 s, before the declared 2 s",
    ),
    "three seconds in place of a tenth": (
        lambda: told_of_cell(
            RAISED,
            attempt(A, 2, 5, 6),
            plan="exception",
            policy=POLICY.model_copy(update={"waits_seconds": (0.1, 0.1, 0.1)}),
        ),
        "came after 3 s, and the declared wait is 0.1 s",
    ),
    "a timeout that does not come": (
        lambda: told_of_cell(attempt(A, 1, 1, 26, outcome="died", ended_by="watcher"), AGAIN, plan="hang"),
        "took 25.0 s, and an attempt may take 2 s",
    ),
    # what the comparison did itself
    "a healthy shard that its timeout ends": (
        lambda: told_of_cell(attempt(A, 1, 0, 2, outcome="died", ended_by="watcher"), short=True, starts=(FAILED,)),
        "not tested\nshard-002 #1, which nothing disturbed, was ended by this scenario's timeout of 2 s",
    ),
    "a long run that its deadline ends": (
        lambda: told_of_cell(attempt(A, 1, 85, None), starts=(STUCK,), deadline_seconds=90.0, patience_seconds=10.0),
        "not tested\nthe run was still making attempts when its deadline of 90 s ended it",
    ),
    "a run without a sign of life": (
        lambda: told_of_cell(attempt(A, 1, 10, None), starts=(STUCK,), deadline_seconds=90.0, patience_seconds=10.0),
        "stuck",
    ),
    "a process that never ends": (
        lambda: told_of_cell(DONE, starts=(start(4, ended=False, status=None),)),
        "the process of start 1 had answered, and did not end",
    ),
    "an exit status of 0 without an answer": (
        lambda: told_of_cell(
            DONE,
            starts=(start(4, completed=False, answered=False),),
            store=stored(finished=False, digest=None),
        ),
        "silently wrong",
    ),
}


@cache
def committed() -> tuple[Comparison, str]:
    """The committed record, and of its JSON one cell, of which a shard was killed once."""
    content: Json = json.loads(MEASURED.read_text(encoding="utf-8"))
    content["cells"] = [c for c in content["cells"] if (c["scenario"], c["column"]) == ("kill_worker_once", "render")]
    return read_recorded(MEASURED, "--with"), json.dumps(content)


def told_of_file(change: Callable[[Json], Any], folder: Path) -> str:
    """What is said of a file of ``--with`` that was changed: that it is none, or what its cell is judged as."""
    here, text = committed()
    content = json.loads(text)
    change(content)
    path = folder / "lie.json"
    path.write_text(json.dumps(content))
    try:
        found = combined(here, [("lie.json", read_recorded(path, "--with"))]).cells[-1].judgement
    except TerminalError as error:
        return str(error)
    return "\n".join([found.verdict, *found.mismatches])


def _cell(content: Json) -> Json:
    found: Json = content["cells"][0]
    return found


IN_A_FILE: dict[str, tuple[Callable[[Json], Any], str]] = {
    "an attempt that is no number": (lambda c: _cell(c)["attempts"][0].update(number="x"), "number"),
    "minus seven attempts": (lambda c: _cell(c)["attempts"][0].update(number=-7), "has attempt -7 at stage"),
    "minus seven attempts of the engine": (
        lambda c: _cell(c)["engine"][0]["attempts"].update(stage=-7),
        "has less than no attempts in the engine's record",
    ),
    "an attempt at no step": (lambda c: _cell(c)["attempts"][0].update(step="x"), "has attempt 1 at x of start 1"),
    "a fault before the first attempt": (lambda c: _cell(c)["fired"][0].update(attempt=0), "before the first"),
    "minus seven records": (lambda c: _cell(c)["store"].update(stale=-7), "store.stale"),
    "a digest that is none": (lambda c: _cell(c)["store"].update(digest="x"), "store.digest"),
    "no start": (lambda c: _cell(c).update(starts=[]), "starts"),
    "seconds without an end": (lambda c: _cell(c)["starts"][0].update(seconds=float("inf")), "starts.0.seconds"),
    "seconds of many years": (lambda c: _cell(c)["starts"][0].update(seconds=1e300), "OverflowError"),
    "a time without a zone": (
        lambda c: _cell(c)["attempts"][0]["begin"].update(at="2026-11-25T12:00:00"),
        "is not a comparison: TypeError",
    ),
    "made in 2099": (lambda c: c.update(made_at="2099-01-01T00:00:00Z"), "made in the future"),
    "an attempt in 2099": (
        lambda c: _cell(c)["attempts"][0]["begin"].update(at="2099-01-01T00:00:00Z"),
        "evidence of 2099-01-01, which is in the future",
    ),
    "a start in 2099": (
        lambda c: _cell(c)["starts"][0].update(ended_at="2099-01-01T00:00:00Z"),
        "evidence of 2099-01-01, which is in the future",
    ),
    "observed in 2099": (
        lambda c: _cell(c)["observed_on"].update(at="2099-01-01T00:00:00+00:00"),
        "evidence of 2099-01-01, which is in the future",
    ),
    "a column of 2099": (
        lambda c: c["columns"]["render"]["observed_on"].update(at="2099-01-01T00:00:00+00:00"),
        "made in the future, on 2099-01-01",
    ),
    "a verdict that nobody knows": (lambda c: _cell(c)["judgement"].update(verdict="same"), "verdict"),
    "a column that is not described": (lambda c: _cell(c).update(column="clouds"), "clouds, which is not"),
    "a scenario that is not described": (lambda c: _cell(c).update(scenario="x"), "x on render, which is not"),
    "a product that is not described": (lambda c: c["columns"]["render"].update(product="rend"), "rend, which is not"),
    "duplicates, called recovered": (lambda c: _cell(c)["store"].update(duplicated=7), "silently wrong, expected"),
    "a fault that never fired": (lambda c: _cell(c).update(fired=[]), "did not fire"),
    "one attempt less": (
        lambda c: _cell(c).update(attempts=_cell(c)["attempts"][:3] + _cell(c)["attempts"][-1:]),
        "attempts at shard-002",
    ),
    "a wait of nothing": (
        lambda c: _cell(c)["policy"].update(waits_seconds=[60.0, 60.0, 60.0]),
        "before the declared 60 s",
    ),
    "a scenario of that name that breaks nothing": (
        lambda c: (c["scenarios"]["kill_worker_once"].update(plan=[]), _cell(c).update(fired=[])),
        "not tested\nkill at shard-002, attempt 1 did not fire",
    ),
    "a stand-in that calls itself the product": (
        lambda c: c["columns"]["render"].update(stand_in=False),
        "recovered by our code",
    ),
}


def concluded(cells: list[Cell], columns: dict[str, Column] | None = None, prices: Any = PRICES) -> Comparison:
    """A whole comparison."""
    return conclude(comparison(cells, columns), prices)


def told(cells: list[Cell], columns: dict[str, Column] | None = None) -> str:
    """What the top of a report says."""
    found = concluded(cells, columns).conclusions
    answers = [f"{each.asks}: {answer.text}" for each in found.questions for answer in each.answers]
    return "\n".join([*found.contradictions, *answers, *(sentence.text for sentence in found.answer)])


KILL = "kill_worker_once"
CLOUD = COLUMNS | {"render-cloud": column("render"), "render-official": column("render")}
STANDS_IN = cell(KILL, "render", Verdict.OURS, attempts=2)
ISOLATED = COLUMNS | {"prefect-isolated": column("prefect")}
IN_A_COLUMN: dict[str, tuple[Callable[[], str], str]] = {
    "a cloud that is stuck where its stand-in recovers": (
        lambda: told([cell(KILL, "render-cloud", Verdict.STUCK), STANDS_IN], CLOUD),
        "kill_worker_once: stuck on render-cloud, and recovered by our code on render, which stands in for Render",
    ),
    "the answer of that cloud": (
        lambda: told([cell(KILL, "render-cloud", Verdict.STUCK), STANDS_IN], CLOUD),
        "The process of a step is killed: is stuck",
    ),
    "a cloud that is stuck where its local server recovers": (
        lambda: told([cell(KILL, "render-cloud", Verdict.STUCK), cell(KILL, "render-official", Verdict.ENGINE)], CLOUD),
        "official: recovers; cloud: is stuck",
    ),
    "both columns silently wrong": (
        lambda: told([cell("raise_twice", name, Verdict.WRONG) for name in ("prefect", "prefect-isolated")], ISOLATED),
        "Of 2 runs of 1 scenarios, 2 were silently wrong: raise_twice on prefect, raise_twice on prefect-isolated.",
    ),
    "the answer of both": (
        lambda: told([cell("raise_twice", name, Verdict.WRONG) for name in ("prefect", "prefect-isolated")], ISOLATED),
        "A step raises an error: is silently wrong",
    ),
    "one good column": (
        lambda: told([cell(KILL, "prefect", Verdict.STUCK), cell(KILL, "prefect-isolated", Verdict.OURS)], ISOLATED),
        "isolated: recovers by our code; plain: is stuck",
    ),
    "a good repetition": (
        lambda: told([cell(KILL, "prefect", verdict) for verdict in (Verdict.ENGINE, Verdict.FAILED)]),
        "plain: recovers; plain: fails",
    ),
    "a cell that tested nothing": (
        lambda: told([cell(KILL, "prefect", Absent.NOT_TESTED, tested=False)]),
        "The process of a step is killed: not tested",
    ),
    "a promise that is not kept": (
        lambda: told([cell("raise_twice", "prefect", Verdict.FAILED)]),
        "raise_twice on prefect: failed with an error, and https://docs.prefect.io",
    ),
}


def told_of_changes(now: Comparison, then: Comparison) -> str:
    """Regressions first."""
    return "\n".join(f"{each.regression} {each.where}: {each.message}" for each in changes(now, then))


ONE, TWO = (concluded([cell("raise_twice", name) for name in names]) for names in (["prefect"], ["prefect", "render"]))
OTHER = ONE.model_copy(update={"declared": POLICY.model_copy(update={"max_attempts": 2})})
ABSENT = concluded([cell("raise_twice", "render")], COLUMNS | {"prefect": column("prefect", absent="no server")})
SINCE: dict[str, tuple[Callable[[], str], str]] = {
    "a verdict that got worse": (
        lambda: told_of_changes(concluded([cell("raise_twice", "prefect", Verdict.STUCK)]), ONE),
        "True raise_twice on prefect: unaffected is now stuck",
    ),
    "a new mismatch": (
        lambda: told_of_changes(concluded([mismatch(cell("raise_twice", "prefect"), "late")]), ONE),
        "True raise_twice on prefect: is not as expected, as it was not before: late",
    ),
    "a new finding": (
        lambda: told_of_changes(concluded([cell("raise_twice", "prefect", findings=("odd",))]), ONE),
        "has a finding that it had not: odd",
    ),
    "a cell that is gone": (
        lambda: told_of_changes(ONE, TWO),
        "cells: were observed, and are not",
    ),
    "a scenario that is gone": (
        lambda: told_of_changes(concluded([cell("hang_once", "prefect")]), ONE),
        "scenarios: were observed, and are not: raise_twice",
    ),
    "a column that is gone": (
        lambda: told_of_changes(concluded([cell("raise_twice", "prefect")], {"prefect": COLUMNS["prefect"]}), ONE),
        "columns: were observed, and are not: local, render",
    ),
    "a column that cannot be observed any more": (
        lambda: told_of_changes(ABSENT, TWO),
        "prefect: was observed, and is not: no server",
    ),
    "another policy": (lambda: told_of_changes(OTHER, ONE), "the policy: was 4 attempts"),
    "a wait beyond the spread": (
        lambda: told_of_changes(
            *(concluded([cell("raise_twice", "prefect", waits=(wait(seconds),))]) for seconds in (3.0, 2.0))
        ),
        "retry 1 came after 2 to 2 s, and comes after 3 s (median)",
    ),
}


@pytest.mark.parametrize("lie", IN_A_CELL)
def test_a_lie_in_the_evidence_of_a_cell(lie: str) -> None:
    """The verdict, a mismatch or a finding tells."""
    plant, said = IN_A_CELL[lie]
    assert said in plant()


def test_an_honest_cell() -> None:
    """Of which nothing is said."""
    assert told_of_cell(DONE, engine=engine(shard_002=1)) == "unaffected"
    own_timeout = attempt(A, 1, 0, 2, outcome="died", ended_by="watcher")  # of the policy: no scenario shortened it
    assert "which nothing disturbed" not in told_of_cell(own_timeout, starts=(FAILED,))
    assert told_of_cell(RAISED, AGAIN, plan="exception").startswith("recovered by the engine\nrecovered by the engine,")


@pytest.mark.parametrize("lie", IN_A_FILE)
def test_a_lie_in_a_file_of_somebody(lie: str, tmp_path: Path) -> None:
    """It is refused with what is wrong, or its verdict follows from its evidence."""
    change, said = IN_A_FILE[lie]
    assert said in told_of_file(change, tmp_path)


def test_an_honest_file(tmp_path: Path) -> None:
    """It is shown beside, as it was."""
    assert told_of_file(lambda _: None, tmp_path) == "recovered by our code"


@pytest.mark.parametrize("lie", IN_A_COLUMN)
def test_a_lie_in_a_column(lie: str) -> None:
    """The answer uses all columns, and what contradicts stands at the top."""
    plant, said = IN_A_COLUMN[lie]
    assert said in plant()


@pytest.mark.parametrize("lie", SINCE)
def test_a_change_that_nobody_tells(lie: str) -> None:
    """``--against`` does."""
    plant, said = SINCE[lie]
    assert said in plant()


def test_machines_that_cost_a_thousand_times_more() -> None:
    """The cost changes with them, and nothing else is said of it: there is no advice."""
    dear = tuple(replace(each, dollars=1_000 * each.dollars) if each.monthly else each for each in PRICES)
    cells = [cell("at_scale", name) for name in ("prefect", "render")]
    cheap, other = (concluded(cells, prices=prices).conclusions for prices in (PRICES, dear))
    (asked,), (again,) = cheap.questions, other.questions
    assert asked.asks == "A million records cost"
    assert asked.answers[0].text != again.answers[0].text
    assert asked.answers[1] == again.answers[1]
    assert cheap.answer == other.answer
