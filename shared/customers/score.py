"""Scores health, churn and expansion of each profile. A missing value is neutral: it adds nothing.

The points come from a public tutorial, with its mistakes fixed; the README lists each of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from shared.customers.schema import LEVELS, MERGED_COLUMNS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    Flags = npt.NDArray[np.bool_]
    Points = npt.NDArray[Any]

BASE_HEALTH = 50
HIGH_FROM, MEDIUM_FROM = 5, 2  # points, inclusive
KNOWN = {column.name: column.known for column in MERGED_COLUMNS if column.known}
NUMBERS = ("usage_pct", "nps_score", "open_tickets")
SCORED = [*NUMBERS, *KNOWN]


def scored(profiles: pa.Table) -> pd.DataFrame:
    """Return the columns of merged profiles that have points or known values; a dictionary becomes a category."""
    frame: pd.DataFrame = profiles.select(SCORED).to_pandas()
    return frame


def score(profiles: pd.DataFrame) -> pd.DataFrame:
    """Return ``health_score`` (0..100), ``churn_risk`` and ``expansion_potential`` of the profiles, row by row."""
    import numpy as np
    import pandas as pd

    usage, nps, open_tickets = (_number(profiles[name]) for name in NUMBERS)
    payment, plan, stage = (_Words.of(profiles[name]) for name in ("payment_status", "plan", "deal_stage"))
    health = (
        BASE_HEALTH
        + _first((usage >= 80, 20), (usage >= 60, 10), (usage < 30, -10))
        + payment.points({"active": 15, "past_due": -15, "failed": -15})
        + _first((nps >= 9, 10), (nps >= 7, 5), (nps <= 5, -10))
        + _first((open_tickets == 0, 5), (open_tickets > 3, -5))
    )
    churn = (
        _first((usage < 30, 3), (usage < 50, 1))
        + payment.points({"past_due": 3, "failed": 3})
        + 2 * (nps <= 6)
        + 1 * (open_tickets > 3)
    )
    expansion = (
        _first((usage >= 80, 3), (usage >= 60, 1))
        + plan.points({"starter": 2, "free": 2, "basic": 2, "business": 1, "professional": 1})
        + 2 * (nps >= 9)
        + stage.points({"enterprise": 1})
    )
    return pd.DataFrame(
        {
            "health_score": np.clip(health, 0, 100),
            "churn_risk": _level(churn),
            "expansion_potential": _level(expansion),
        },
        copy=False,
    )


def unknown_values(profiles: pd.DataFrame) -> dict[str, int]:
    """Count the profiles with a value that the scores do not know, by column; columns without any are left out."""
    counts = {name: _unknown(profiles[name], known) for name, known in KNOWN.items()}
    return {name: count for name, count in counts.items() if count}


def normalised(text: str) -> str:
    """Normalise text for the scores: trimmed, case-folded, blanks and hyphens as underscores."""
    return re.sub(r"[\s-]", "_", text.strip().casefold())


@dataclass(frozen=True)
class _Words:
    """A text column whose few different values are normalised once, not in every row.

    Attributes:
        codes: The position of each row's value in ``different``, -1 if it is missing.
        different: The different values, normalised.
    """

    codes: npt.NDArray[np.integer[Any]]
    different: list[str]

    @classmethod
    def of(cls, column: pd.Series[str]) -> Self:
        """Return the words of a category."""
        words = column.cat
        return cls(words.codes.to_numpy(), [normalised(value) for value in words.categories])

    def points(self, known: dict[str, int]) -> Points:
        """Return the points of each row's value, 0 for other values."""
        import numpy as np

        points: Points = np.array([*(known.get(value, 0) for value in self.different), 0])[self.codes]
        return points


def _unknown(column: pd.Series[str], known: tuple[str, ...]) -> int:
    words = _Words.of(column)
    return int(words.points(dict.fromkeys(set(words.different) - set(known), 1)).sum())


def _number(column: pd.Series[float]) -> npt.NDArray[np.floating[Any]]:
    """Numbers with NaN for missing ones; every comparison with NaN is false, so they add no points."""
    import numpy as np

    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _first(*cases: tuple[Flags, int]) -> Points:
    """Per row, the points of the first case that is true, else 0."""
    import numpy as np

    points: Points = np.select([flags for flags, _ in cases], [points for _, points in cases], default=0)
    return points


@cache
def _levels() -> pd.CategoricalDtype[Any]:
    """Return the type of a level: all of them, the lowest first."""
    import pandas as pd

    return pd.CategoricalDtype(list(LEVELS), ordered=True)


def _level(points: Points) -> pd.Categorical[Any]:
    import numpy as np
    import pandas as pd

    codes: npt.NDArray[np.int64] = np.searchsorted([MEDIUM_FROM, HIGH_FROM], points, side="right")
    return pd.Categorical.from_codes(codes, dtype=_levels())
