"""Read this fourth: a cell of the comparison is one scenario on one column, observed, and judged from evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.compare.observe.cells import run_cell
from flows.compare.observe.context import ComparisonContext, context_of
from flows.compare.options import Options, RetryOptions
from flows.engine.session import Session
from flows.engine.verdicts import Verdict
from flows.local import ENGINE as LOCAL
from flows.registry import COLUMNS
from tests.flows.compare.known import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.record.observed import Cell

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComparisonContext]:
    """What all cells share: data, a policy with short waits, and an undisturbed run as the reference."""
    folder = tmp_path_factory.mktemp("compare")
    with Session(folder, workers=2) as session:
        yield context_of(session, folder, Options(shards=4, retry=RetryOptions(wait_scale=0.01)), LOCAL)


@pytest.fixture(scope="module")
def cell(comparison: ComparisonContext) -> Cell:
    """A worker that is killed once, on the column without an orchestrator."""
    return run_cell(comparison, SCENARIOS["kill_worker_once"], COLUMNS["local"], repeat=1)


def test_a_scenario_plans_what_breaks_and_expects_a_verdict(cell: Cell) -> None:
    """It is data: the faults, and what each column is known to make of them."""
    (fault,) = SCENARIOS[cell.scenario].plan
    assert (fault.kind, fault.attempts) == ("kill", (1,))
    assert cell.judgement.expected.verdict is Verdict.OURS


def test_a_fault_leaves_evidence_that_it_fired(cell: Cell) -> None:
    """Without that the cell would say ``not tested`` instead of praising an engine for nothing."""
    (fired,) = cell.fired
    assert (fired.kind, fired.step) == ("kill", cell.judgement.step)
    assert cell.judgement.tested


def test_the_verdict_follows_from_ledger_and_store(cell: Cell) -> None:
    """Two attempts at the faulted shard, one death, and the output of the undisturbed run."""
    assert (cell.judgement.attempts, cell.judgement.deaths) == (2, 1)
    assert (cell.store.finished, cell.store.wrong) == (True, False)
    assert cell.judgement.verdict is Verdict.OURS


def test_a_cell_that_is_not_as_expected_says_why(cell: Cell) -> None:
    """The comparison fails when a mismatch is left."""
    assert cell.judgement.mismatches == ()
