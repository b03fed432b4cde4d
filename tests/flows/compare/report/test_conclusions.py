"""What follows from the cells: questions with provenance, the answer, slots, numbers, the README's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.compare.record.concluded import Spread
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.conclusions.delays import delays_of
from flows.compare.report.conclusions.numbers import in_words, spread
from flows.compare.report.conclusions.promises import contradictions
from flows.compare.report.conclusions.questions import differing
from flows.compare.report.conclusions.scheduling import scheduling_of
from flows.compare.report.conclusions.slots import slots_of
from flows.compare.report.readme import DOCUMENTS, recorded, written
from flows.engine.verdicts import Verdict
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
    from flows.compare.record.comparison import Column, Comparison
    from flows.compare.record.concluded import Answer
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
ISOLATED = COLUMNS | {"prefect-isolated": column("prefect")}
KILLED = [
    cell("kill_worker_once", "prefect", Verdict.STUCK),
    cell("kill_worker_once", "render", Verdict.ENGINE, attempts=2),
]


def asked(question: str, cells: list[Cell], columns: dict[str, Column] | None = None) -> dict[str, Answer]:
    """What each product answers to a question; nothing where nobody observed it."""
    found = conclude(comparison(cells, columns), PRICES).conclusions.questions
    return {answer.product: answer for each in found if each.asks == question for answer in each.answers}


@pytest.fixture(scope="module")
def measured() -> Comparison:
    """The committed comparison."""
    return recorded()


def test_an_answer_says_what_it_was_observed_on() -> None:
    """With the cells, and that only a stand-in was observed where that is so."""
    answers = asked("The process of a step is killed", KILLED)
    assert {name: (each.text, each.stand_in) for name, each in answers.items()} == {
        "prefect": ("is stuck", False),
        "render": ("recovers", True),
    }
    assert answers["render"].cells == (("kill_worker_once", "render"),)
    assert answers["render"].observed_on == ("a server (1.0), 2026-11-25",)


def test_all_columns_of_a_product_answer() -> None:
    """One good column does not speak for the others, nor does an unexpected cell hide."""
    good = cell("kill_worker_once", "prefect-isolated", Verdict.OURS, attempts=2)
    answers = asked("The process of a step is killed", [*KILLED, mismatch(good)], ISOLATED)
    assert answers["prefect"].text == "isolated: recovers by our code; plain: is stuck"


def test_a_stand_in_does_not_speak_for_a_product_that_was_observed() -> None:
    """The product's own column answers, and that the two differ stands at the top."""
    columns = COLUMNS | {"render-official": column("render")}
    cells = [*KILLED, cell("kill_worker_once", "render-official", Verdict.STUCK)]
    answer = asked("The process of a step is killed", cells, columns)["render"]
    assert (answer.text, answer.stand_in) == ("is stuck", False)
    (finding,) = differing(comparison(cells, columns))
    assert finding.startswith("kill_worker_once: stuck on render-official, and recovered by the engine on render")
    assert conclude(comparison(cells, columns), PRICES).conclusions.contradictions[-1] == finding


def test_who_recovers_is_no_difference_of_a_stand_in() -> None:
    """The engine or our code: on a stand-in, both are ours."""
    columns = COLUMNS | {"render-official": column("render")}
    cells = [KILLED[1], cell("kill_worker_once", "render-official", Verdict.OURS)]
    assert list(differing(comparison(cells, columns))) == []


def test_a_question_that_nobody_observed_is_left_out() -> None:
    """One that a single product answers says of the other that it was not observed."""
    assert asked("A machine is lost", KILLED) == {}
    answers = asked("A step never returns", [cell("hang_once", "prefect", Verdict.STUCK)])
    assert answers["render"].text == "not observed"


def test_bad_input_has_its_attempts() -> None:
    """Both numbers, in words."""
    name = "raise_terminal"
    cells = [cell(name, "prefect", Verdict.FAILED, attempts=1), cell(name, "render", Verdict.FAILED, attempts=4)]
    answers = asked("Bad input: a retry cannot help", cells)
    assert [each.text for each in answers.values()] == ["fails after 1 attempt", "fails after 4 attempts"]


def test_a_broken_promise_is_a_finding() -> None:
    """What the documentation promises and a tested cell does not keep is named, with the page and its date."""
    failed = cell("raise_twice", "prefect", Verdict.FAILED)
    (finding,) = contradictions(comparison([failed]))
    assert finding.startswith("raise_twice on prefect: failed with an error, and https://docs.prefect.io")
    others = [judged(failed, tested=False), cell("raise_twice", "local", Verdict.FAILED)]
    assert list(contradictions(comparison(others))) == []


def test_the_sentences_say_what_is_missing() -> None:
    """Correctness first, what is not a statement about the product last."""
    texts = [sentence.text for sentence in conclude(comparison(KILLED), PRICES).conclusions.answer]
    assert texts[0] == "Of 2 runs of 1 scenarios, none was silently wrong."
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
        [with_attempts(cell("nothing_breaks", "prefect"), attempts, starts=(start(6.0, ended_at=at(6)),))], {"prefect"}
    )
    assert row.first_claim == Spread(median=1.0, least=1.0, most=1.0, n=1)
    assert row.due_to_claim == Spread(median=0.2, least=0.1, most=0.5, n=3)


def test_a_server_without_slots_says_nothing_about_slots_and_costs() -> None:
    """All its shards run at once, so no wait is queued, none is due, and its seconds on the clock are not core's."""
    columns = COLUMNS | {"render": column("render").model_copy(update={"slots": False})}
    cells = [
        cell("wait_beside_work", "render", Verdict.ENGINE, waits=(wait(2.0, others=2),)),
        with_attempts(cell("nothing_breaks", "render"), [attempt("stage", 1, 1, 2), attempt("shard-000", 1, 3, 4)]),
        cell("at_scale", "render"),
    ]
    concluded = conclude(comparison(cells, columns), PRICES).conclusions
    assert (concluded.slots, concluded.cost) == ((), None)
    assert [row.due_to_claim for row in concluded.scheduling] == [None]


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
    assert [name for name in KNOWN if name in measured.columns] == list(measured.columns)
    assert wanted <= {each.place for each in measured.cells}
    assert all(each.judgement.as_expected and each.judgement.verdict != Verdict.WRONG for each in measured.cells)
    assert measured.reference.digest == GOLDEN_DIGEST
