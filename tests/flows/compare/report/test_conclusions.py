"""What follows from the cells: recommendations with provenance, the answer, slots, numbers, the README's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.compare.record.comparison import Comparison
from flows.compare.record.concluded import Spread
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.conclusions.delays import delays_of
from flows.compare.report.conclusions.numbers import in_words, spread
from flows.compare.report.conclusions.promises import contradictions
from flows.compare.report.conclusions.recommendations import recommendations_of
from flows.compare.report.conclusions.scheduling import scheduling_of
from flows.compare.report.conclusions.slots import slots_of
from flows.compare.report.readme import DOCUMENTS, MEASURED, written
from flows.engine.verdicts import Absent, Verdict
from flows.registry import COLUMNS as KNOWN
from flows.registry import PRICES
from tests.flows.compare.attempts import at, attempt
from tests.flows.compare.known import RUNS_ON, SCENARIOS
from tests.flows.compare.made import (
    COLUMNS,
    cell,
    column,
    comparison,
    judged,
    mismatch,
    start,
    wait,
    with_attempts,
)
from tests.golden import GOLDEN_DIGEST

if TYPE_CHECKING:
    from flows.compare.record.comparison import Column
    from flows.compare.record.concluded import Line
    from flows.compare.record.observed import Cell, Wait

TELLING = (
    "nothing_breaks",
    "raise_twice",
    "wait_beside_work",
    "raise_terminal",
    "kill_worker_once",
    "torn_write_once",
    "hang_once",
    "exit_without_result_once",
    "duplicate_attempt",
    "kill_while_aggregating",
    "kill_orchestrator_then_run_again",
    "cancel_mid_run",
)
KILLED = [
    cell("kill_worker_once", "prefect", Verdict.STUCK),
    cell("kill_worker_once", "render", Verdict.ENGINE, attempts=2),
]


def lines(cells: list[Cell], columns: dict[str, Column] | None = None) -> tuple[Line, ...]:
    """The recommendations from some cells."""
    return recommendations_of(comparison(cells, columns), (), None)


@pytest.fixture(scope="module")
def measured() -> Comparison:
    """The committed comparison."""
    return Comparison.model_validate_json(MEASURED.read_bytes())


def test_a_line_says_what_it_was_observed_on() -> None:
    """With the cells, the stand-in where only that bears it out, and what the documentation promises, dated."""
    (line,) = lines(KILLED)
    assert line.choose == "render"
    assert line.cells == (("kill_worker_once", "render"), ("kill_worker_once", "prefect"))
    assert line.observed == "the stand-in, a server (1.0), 2026-11-25; a server (1.0), 2026-11-25"
    assert [(each.page, each.as_of) for each in line.documented] == [
        ("https://render.com/docs/workflows", "2026-11-25")
    ]


def test_a_stand_in_is_not_cited_where_the_product_itself_was_observed() -> None:
    """The engine's own cell bears the line."""
    columns = COLUMNS | {"render-official": column("render")}
    (line,) = lines([*KILLED, cell("kill_worker_once", "render-official", Verdict.ENGINE)], columns)
    assert ("kill_worker_once", "render-official") in line.cells
    assert ("kill_worker_once", "render") not in line.cells


@pytest.mark.parametrize("unusable", ["mismatch", "missing", "repeat"])
def test_a_cell_with_a_mismatch_bears_nothing_out(unusable: str) -> None:
    """Nor does one that did not run, or one of which a repetition is not as expected."""
    first, second = KILLED
    cells = {
        "mismatch": [mismatch(first), second],
        "missing": [second],
        "repeat": [first, second, mismatch(first.model_copy(update={"repeat": 2}))],
    }[unusable]
    assert lines(cells) == ()


def test_an_engine_that_cannot_be_imported_recommends_nothing() -> None:
    """All its cells failed, none was tested, and no line says what the engine does."""
    names = ("kill_worker_once", "raise_terminal", "nothing_breaks", "wait_beside_work")
    broken = [
        mismatch(cell(name, "prefect", Absent.NOT_TESTED, tested=False), "no fault of the plan fired") for name in names
    ]
    good = [cell(name, "render", Verdict.ENGINE, attempts=4) for name in names]
    assert [line for line in lines([*broken, *good]) if "prefect" in str(line.cells)] == []


def test_both_do_only_what_is_missing_unless_orphans_still_ran() -> None:
    """Attempts of the first start beside the second are told of."""
    name = "kill_orchestrator_then_run_again"
    first, second = cell(name, "prefect", Verdict.OURS), cell(name, "render", Verdict.OURS)
    assert "neither completes the run by itself" in lines([first, second])[0].because
    assert "still ran" not in lines([first, second])[0].because
    orphan = judged(second, overlaps=("shard-003 #1 and shard-003 #1 of invocation 2",))
    assert "attempts of the first start still ran beside the second on render" in lines([first, orphan])[0].because


def test_an_error_that_is_retried_in_vain_costs_attempts() -> None:
    """The line has both numbers."""
    name = "raise_terminal"
    cells = [cell(name, "prefect", Verdict.FAILED, attempts=1), cell(name, "render", Verdict.FAILED, attempts=4)]
    (line,) = lines(cells)
    assert "costs 1 attempt on Prefect and 4 on Render" in line.because


def test_a_broken_promise_is_a_finding() -> None:
    """What the documentation promises and a tested cell does not keep is named, with the page and its date."""
    failed = cell("raise_twice", "prefect", Verdict.FAILED)
    (finding,) = contradictions(comparison([failed]))
    assert finding.startswith("raise_twice on prefect: failed with an error, and https://docs.prefect.io")
    others = [judged(failed, tested=False), cell("raise_twice", "local", Verdict.FAILED)]
    assert list(contradictions(comparison(others))) == []


def test_the_answer_has_its_evidence() -> None:
    """Correctness, what ends a step's process, and what is no statement about the cloud."""
    answer = conclude(comparison(KILLED), PRICES).conclusions.answer
    texts = [sentence.text for sentence in answer]
    assert texts[0] == "Of 2 runs of 1 scenarios, none was silently wrong."
    assert "prefect: the run ends stuck" in texts[1]
    assert answer[1].cells == (("kill_worker_once", "prefect"),)
    assert "render (stand-in): the step is retried" in texts[2]
    assert "render is a local stand-in and no statement about the cloud" in texts[-1]


def test_a_silently_wrong_run_is_the_first_thing_said() -> None:
    """With where it was."""
    answer = conclude(comparison([cell("torn_write_once", "prefect", Verdict.WRONG)]), PRICES).conclusions.answer
    assert answer[0].text == "Of 1 runs of 1 scenarios, 1 were silently wrong: torn_write_once on prefect."


def waiting(*waits: Wait) -> Cell:
    """A cell with these waits."""
    return cell("wait_beside_work", "prefect", Verdict.ENGINE, waits=waits)


def test_a_wait_of_nothing_is_early() -> None:
    """Waits of 0 s against 2 s declared are not kept."""
    (delay,) = delays_of([waiting(wait(0.0))])
    assert (delay.early_by, delay.late_by) == (1.98, 0.0)
    (kept,) = delays_of([waiting(wait(2.0), wait(2.1))])
    assert (kept.early_by, kept.late_by, kept.n, kept.median) == (0.0, 0.0, 2, 2.05)


def test_a_queued_wait_says_nothing_about_lateness() -> None:
    """It was due while others had all slots."""
    (delay,) = delays_of([waiting(wait(9.0, when_due=2))])
    assert (delay.queued, delay.late_by) == (1, None)


def test_a_slot_that_others_do_not_get_is_held() -> None:
    """Others want both slots meanwhile; a cell that is not as expected says nothing."""
    assert [slot.held for slot in slots_of([waiting(wait(2.0, others=1), wait(2.0, others=2))])] == [True, False]
    assert slots_of([mismatch(waiting(wait(2.0, others=1)))]) == ()


def test_a_shard_is_due_when_a_slot_is_free() -> None:
    """Two slots: the third shard is due when the first one ends, not when the staging does."""
    attempts = [
        attempt("stage", 1, 1, 2),
        attempt("shard-000", 1, 2.1, 3),
        attempt("shard-001", 1, 2.2, 5),
        attempt("shard-002", 1, 3.5, 6),
    ]
    (row,) = scheduling_of(
        [with_attempts(cell("nothing_breaks", "prefect"), attempts, starts=(start(6.0, ended_at=at(6)),))]
    )
    assert row.first_claim == Spread(median=1.0, least=1.0, most=1.0, n=1)
    assert row.due_to_claim == Spread(median=0.2, least=0.1, most=0.5, n=3)


def test_numbers_have_their_spread() -> None:
    """One observation is called one observation."""
    assert spread([]) is None
    assert in_words(spread([1.0]), " s") == "1 s (one observation)"
    assert in_words(spread([3.0, 1.0, 2.0]), " s") == "2 s (1 to 3, n = 3)"


def test_the_documents_are_what_was_measured(measured: Comparison) -> None:
    """They hold what the committed compare.json says; ``flows.compare.report.readme`` writes it."""
    for target in DOCUMENTS:
        text = target.read_text(encoding="utf-8")
        assert written(text, measured) == text, target.name


def test_the_committed_comparison_is_as_expected(measured: Comparison) -> None:
    """Over the sample, every cell; all scenarios that are not slow without Prefect, the most telling ones with it."""
    cheap = {(each.name, name) for each in SCENARIOS.values() for name in ("local", "render") if not each.slow}
    on_prefect = {(name, column) for name in TELLING for column in ("prefect", "prefect-isolated", "prefect-deployed")}
    wanted = {(name, column) for name, column in cheap | on_prefect if column in RUNS_ON[name]}
    assert list(measured.columns) == list(KNOWN)
    assert wanted <= {each.place for each in measured.cells}
    assert all(each.judgement.as_expected and each.judgement.verdict != Verdict.WRONG for each in measured.cells)
    assert measured.reference.digest == GOLDEN_DIGEST
