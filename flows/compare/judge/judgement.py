"""Judges an observation: its verdict, its mismatches and its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.judge.cut_short import cut_short
from flows.compare.judge.findings import findings
from flows.compare.judge.firing import HARMLESS, impossible, planned, untested
from flows.compare.judge.history import History
from flows.compare.judge.timing import Machine, timing_mismatches
from flows.compare.judge.unplanned import Unplanned
from flows.compare.judge.verdicts import Facts, verdict_on
from flows.compare.record.observed import Cell, Judgement, Observation
from flows.engine.interruption import Interruption
from flows.engine.verdicts import Absent

if TYPE_CHECKING:
    from flows.compare.record.comparison import Column, Comparison, Scenario


def judged(seen: Observation, scenario: Scenario, column: Column) -> Cell:
    """Return the cell of an observation.

    Args:
        seen: The observation.
        scenario: Its scenario.
        column: Its column.
    """
    history = History(seen.attempts, seen.policy, reruns=column.reruns)
    missing, unplanned = _untested(seen, scenario, history), Unplanned(seen, scenario, column, history)
    verdict = verdict_on(_facts(seen, scenario, column, history))
    expected, step = scenario.expected[seen.column], step_of(scenario)
    wanted = (expected.attempts or scenario.promised_attempts) if step else None
    made = history.attempts_at(step) if step else None
    outcome = Absent.NOT_TESTED if missing and not seen.store.wrong else verdict
    judgement = Judgement(
        verdict=outcome,
        tested=not missing,
        expected=expected,
        step=step,
        attempts=made,
        expected_attempts=wanted,
        mismatches=(
            *missing,
            *([] if outcome is expected.verdict else [f"{outcome}, expected {expected.verdict}"]),
            *([] if made == wanted else [f"{made} attempts at {step}, expected {wanted}"]),
            *_reprocessed(history),
            *unplanned.mismatches,
            *timing_mismatches(history, Machine.of(seen, history), _hanging(scenario)),
        ),
        findings=(*findings(seen, history), *unplanned.counts(disturbed=True)),
        retries=history.retries,
        deaths=history.deaths,
        overlaps=tuple(f"{first.name} and {second.name}" for first, second in history.overlaps),
        reprocessed=tuple(history.reprocessed),
        waits=tuple(history.waits),
    )
    return Cell(**{name: getattr(seen, name) for name in Observation.model_fields}, judgement=judgement)


def judged_again(comparison: Comparison) -> Comparison:
    """A comparison with every verdict derived from its evidence, whatever its file says."""
    scenarios, columns = comparison.scenarios, comparison.columns
    cells = tuple(judged(cell, scenarios[cell.scenario], columns[cell.column]) for cell in comparison.cells)
    return comparison.model_copy(update={"cells": cells})


def step_of(scenario: Scenario) -> str | None:
    """Return the faulted step in the ledger; None if there is no single one."""
    steps = {fault.step for fault in scenario.plan if fault.kind not in HARMLESS} or {f.step for f in scenario.plan}
    return steps.pop() if len(steps) == 1 else None


def _untested(seen: Observation, scenario: Scenario, history: History) -> list[str]:
    """Return why the cell does not test its scenario; empty if all planned events happened."""
    if seen.failure:
        return [seen.failure]
    first = seen.starts[0]
    missing = untested(
        scenario.plan, set(seen.fired), history, completed=first.completed, interrupted=first.interrupted
    )
    missing += impossible(scenario.plan, seen.policy.max_attempts, seen.shards)
    missing += cut_short(seen, scenario, history)
    if seen.store.unverified and seen.store.finished:
        missing.append(seen.store.unverified)
    if scenario.interruption and not first.interrupted:
        missing.append("the run was never in its middle, so it was not interrupted")
    return missing


def _facts(seen: Observation, scenario: Scenario, column: Column, history: History) -> Facts:
    """Return the facts for the verdict."""
    last, hit = seen.starts[-1], scenario.interruption
    disturbing = any(marker.kind not in HARMLESS for marker in seen.fired)
    return Facts(
        completed=last.completed,
        ended=last.ended or last.answered,
        silent_success=last.status == 0 and not last.answered,
        says_running=bool(seen.engine and seen.engine[-1].unfinished),
        continues=seen.continues,
        published=seen.store.finished,
        wrong=seen.store.wrong,
        starts=len(seen.starts) + (hit is Interruption.START_AGAIN),
        invocations=max(history.counts, default=1),
        retries=history.retries,
        overlaps=len(history.overlaps),
        deaths=history.deaths,
        disturbed=disturbing or bool(hit and hit.deadly and seen.starts[0].interrupted),
        orchestrated=bool(column.product) and not column.stand_in,
        isolated=column.ours,
    )


def _reprocessed(history: History) -> list[str]:
    found = history.reprocessed
    return [f"committed shards were processed again: {', '.join(found)}"] if found else []


def _hanging(scenario: Scenario) -> set[tuple[str, int]]:
    """Return step and attempt that only the timeout can end; an interruption also ends what hangs."""
    plan = () if scenario.interruption else scenario.plan
    return {(firing.step, firing.attempt) for firing in planned(plan) if firing.kind == "hang"}
