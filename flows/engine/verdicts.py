"""The verdicts on a run."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """The result of a run."""

    UNAFFECTED = "unaffected"
    ENGINE = "recovered by the engine"
    OURS = "recovered by our code"
    FAILED = "failed with an error"
    STUCK = "stuck"
    WRONG = "silently wrong"


class Absent(StrEnum):
    """Why a cell has no verdict."""

    NOT_TESTED = "not tested"  # a planned fault or interruption did not happen
    NOT_OBSERVED = "not observed"  # the column cannot run here


Outcome = Verdict | Absent
RECOVERED = {Verdict.ENGINE, Verdict.OURS}
