"""Health, churn and expansion of each profile. A missing value is neutral: it adds nothing.

The points are those of the public tutorial this job comes from, with its mistakes mended; the README lists each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.customers.schema import MERGED_COLUMNS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Flags = npt.NDArray[np.bool_]
    Points = npt.NDArray[Any]

BASE_HEALTH = 50
HIGH_FROM, MEDIUM_FROM = 5, 2  # points, inclusive


def score(profiles: pd.DataFrame) -> pd.DataFrame:
    """The merged profiles plus ``health_score`` (0..100) and two levels, ``churn_risk`` and ``expansion_potential``."""
    import numpy as np

    usage, nps, open_tickets = (_number(profiles[name]) for name in ("usage_pct", "nps_score", "open_tickets"))
    payment, plan, stage = (normalised(profiles[name]) for name in ("payment_status", "plan", "deal_stage"))
    unpaid = payment.isin(["past_due", "failed"]).to_numpy()
    health = (
        BASE_HEALTH
        + _first((usage >= 80, 20), (usage >= 60, 10), (usage < 30, -10))
        + _first((payment.isin(["active"]).to_numpy(), 15), (unpaid, -15))
        + _first((nps >= 9, 10), (nps >= 7, 5), (nps <= 5, -10))
        + _first((open_tickets == 0, 5), (open_tickets > 3, -5))
    )
    churn = _first((usage < 30, 3), (usage < 50, 1)) + 3 * unpaid + 2 * (nps <= 6) + 1 * (open_tickets > 3)
    expansion = (
        _first((usage >= 80, 3), (usage >= 60, 1))
        + _first(
            (plan.isin(["starter", "free", "basic"]).to_numpy(), 2),
            (plan.isin(["business", "professional"]).to_numpy(), 1),
        )
        + 2 * (nps >= 9)
        + 1 * stage.isin(["enterprise"]).to_numpy()
    )
    return profiles.assign(
        health_score=_arrow(np.clip(health, 0, 100)), churn_risk=_level(churn), expansion_potential=_level(expansion)
    )


def unknown_values(profiles: pd.DataFrame) -> dict[str, int]:
    """How many profiles have a value the scores do not know, by column; columns without any are left out."""
    counts = {column.name: _unknown(profiles[column.name], column.known) for column in MERGED_COLUMNS if column.known}
    return {name: count for name, count in counts.items() if count}


def normalised(column: pd.Series[str]) -> pd.Series[str]:
    """Text as the scores compare it: trimmed, case-folded, blanks and hyphens as underscores; missing stays missing.

    The few different values are normalised, not every row.
    """
    import pandas as pd

    codes, values = pd.factorize(column)
    folded = pd.Series(values, dtype="str").str.strip().str.casefold().str.replace(r"[\s-]", "_", regex=True)
    return folded.reindex(codes).reset_index(drop=True)


def _unknown(column: pd.Series[str], known: tuple[str, ...]) -> int:
    values = normalised(column)
    return int((values.notna() & ~values.isin(known)).sum())


def _number(column: pd.Series[float]) -> npt.NDArray[np.floating[Any]]:
    """Missing as NaN, for which every comparison is false: neutral by itself."""
    import numpy as np

    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _first(*cases: tuple[Flags, int]) -> Points:
    """Per row the points of the first case that holds, else 0."""
    import numpy as np

    points: Points = np.select([flags for flags, _ in cases], [points for _, points in cases], default=0)
    return points


def _level(points: Points) -> pd.api.extensions.ExtensionArray:
    import numpy as np

    return _arrow(np.select([points >= HIGH_FROM, points >= MEDIUM_FROM], ["HIGH", "MEDIUM"], default="LOW"))


def _arrow(values: npt.NDArray[np.generic]) -> pd.api.extensions.ExtensionArray:
    import pandas as pd
    import pyarrow as pa

    return pd.array(pa.array(values), dtype=pd.ArrowDtype(pa.array(values[:0]).type))
