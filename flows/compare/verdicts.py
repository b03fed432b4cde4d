"""The five verdicts, and how a cell gets its own: from the ledger and the store, not from what an engine says alone."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.compare.columns import Column
    from flows.compare.ledgers import History
    from flows.compare.outputs import Output
    from flows.compare.starts import Start


class Verdict(StrEnum):
    """What became of a run."""

    SAME = "same"
    ENGINE = "healed by the engine"
    OURS = "healed by our code"
    LOUD = "failed loudly"
    WRONG = "silently wrong"


def judge(column: Column, starts: list[Start], history: History, output: Output) -> Verdict:
    """The verdict on a cell.

    Args:
        column: Where it ran.
        starts: How its starts ended, as their callers learned it.
        history: Its attempts.
        output: What it left in the store, compared with an undisturbed run.
    """
    completed = starts[-1].completed
    if output.wrong or (completed and not output.finished):
        return Verdict.WRONG
    if not completed:
        return Verdict.LOUD
    if not history.retries and len(starts) == 1:
        return Verdict.SAME
    healed_by_us = len(starts) > 1 or history.overlaps or column.engine == "local" or (column.ours and history.deaths)
    return Verdict.OURS if healed_by_us else Verdict.ENGINE
