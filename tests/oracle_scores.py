"""The oracle's scores: one customer at a time, one rule a line, from the documentation."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.oracle_csv import Row


def health_score(row: Row) -> int:
    """50 plus the points of four signals, held within 0..100."""
    score = 50 + usage_points(row) + payment_points(row) + nps_points(row) + ticket_points(row)
    return max(0, min(100, score))


def usage_points(row: Row) -> int:
    """Use earns, little use costs."""
    usage = numeric(row, "usage_pct")
    if usage >= 80:
        return 20
    if usage >= 60:
        return 10
    if usage < 30:
        return -10
    return 0


def payment_points(row: Row) -> int:
    """A paid bill earns, an unpaid one costs."""
    if word(row, "payment_status") == "active":
        return 15
    if word(row, "payment_status") in {"past_due", "failed"}:
        return -15
    return 0


def nps_points(row: Row) -> int:
    """Promoters earn, detractors cost; 6 is in between."""
    nps = numeric(row, "nps_score")
    if nps >= 9:
        return 10
    if nps >= 7:
        return 5
    if nps <= 5:
        return -10
    return 0


def ticket_points(row: Row) -> int:
    """No open ticket earns, more than three cost."""
    tickets = numeric(row, "open_tickets")
    if tickets == 0:
        return 5
    if tickets > 3:
        return -5
    return 0


def churn_risk(row: Row) -> str:
    """A level from the points for little use, unpaid bills, unhappy answers and open tickets."""
    usage, points = numeric(row, "usage_pct"), 0
    if usage < 30:
        points += 3
    elif usage < 50:
        points += 1
    if word(row, "payment_status") in {"past_due", "failed"}:
        points += 3
    if numeric(row, "nps_score") <= 6:
        points += 2
    if numeric(row, "open_tickets") > 3:
        points += 1
    return level(points)


def expansion_potential(row: Row) -> str:
    """A level from the points for much use, a small plan, happy answers and an enterprise deal."""
    usage, points = numeric(row, "usage_pct"), 0
    if usage >= 80:
        points += 3
    elif usage >= 60:
        points += 1
    if word(row, "plan") in {"starter", "free", "basic"}:
        points += 2
    elif word(row, "plan") in {"business", "professional"}:
        points += 1
    if numeric(row, "nps_score") >= 9:
        points += 2
    if word(row, "deal_stage") == "enterprise":
        points += 1
    return level(points)


def level(points: int) -> str:
    """HIGH from 5 points, MEDIUM from 2."""
    return "HIGH" if points >= 5 else "MEDIUM" if points >= 2 else "LOW"


def numeric(row: Row, column: str) -> float:
    """A number to compare; missing is NaN, which no comparison is true for."""
    value = row[column]
    return math.nan if value is None else float(value)


def word(row: Row, column: str) -> str | None:
    """A text as the scores compare it."""
    value = row[column]
    return None if value is None else re.sub(r"[\s-]", "_", str(value).strip().casefold())
