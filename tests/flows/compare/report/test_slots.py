"""Whether waiting holds a slot is seen on any machine, however many cores it has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flows.compare.observe.cells import run_cell
from flows.compare.report.conclusions.slots import slots_of
from flows.registry import COLUMNS
from tests.flows.compare.known import SCENARIOS

if TYPE_CHECKING:
    from flows.compare.observe.context import ComparisonContext

pytestmark = pytest.mark.servers


def test_ten_shards_fill_the_slots_of_a_large_machine(context: ComparisonContext) -> None:
    """On 16 cores version 0.1 had 16 slots, which seven slow shards cannot fill: all looked held, on Render too."""
    cell = run_cell(replace(context, workers=16), SCENARIOS["wait_beside_work"], COLUMNS["render"], 16)
    [slot] = slots_of([cell])
    assert (cell.workers, slot.workers, slot.held) == (2, 2, False)
