"""The table of points, line by line and at every boundary; a missing value is neutral."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from shared.customers.schema import MERGED_COLUMNS
from shared.customers.score import normalised, score, scored, unknown_values

if TYPE_CHECKING:
    import pandas as pd

TYPES = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "date": pa.date32()}

# one known signal, and the health_score, churn_risk and expansion_potential it gives
SIGNALS = [
    ("usage_pct", 0, 40, "MEDIUM", "LOW"),
    ("usage_pct", 29, 40, "MEDIUM", "LOW"),
    ("usage_pct", 30, 50, "LOW", "LOW"),
    ("usage_pct", 59, 50, "LOW", "LOW"),
    ("usage_pct", 60, 60, "LOW", "LOW"),
    ("usage_pct", 79, 60, "LOW", "LOW"),
    ("usage_pct", 80, 70, "LOW", "MEDIUM"),
    ("usage_pct", 100, 70, "LOW", "MEDIUM"),
    ("payment_status", "Active", 65, "LOW", "LOW"),
    ("payment_status", "Past Due", 35, "MEDIUM", "LOW"),
    ("payment_status", "Failed", 35, "MEDIUM", "LOW"),
    ("payment_status", "Pending", 50, "LOW", "LOW"),
    ("nps_score", 0, 40, "MEDIUM", "LOW"),
    ("nps_score", 5, 40, "MEDIUM", "LOW"),
    ("nps_score", 6, 50, "MEDIUM", "LOW"),
    ("nps_score", 7, 55, "LOW", "LOW"),
    ("nps_score", 8, 55, "LOW", "LOW"),
    ("nps_score", 9, 60, "LOW", "MEDIUM"),
    ("nps_score", 10, 60, "LOW", "MEDIUM"),
    ("open_tickets", 0, 55, "LOW", "LOW"),
    ("open_tickets", 1, 50, "LOW", "LOW"),
    ("open_tickets", 3, 50, "LOW", "LOW"),
    ("open_tickets", 4, 45, "LOW", "LOW"),
    ("plan", "Starter", 50, "LOW", "MEDIUM"),
    ("plan", "free", 50, "LOW", "MEDIUM"),
    ("plan", "basic", 50, "LOW", "MEDIUM"),
    ("plan", "Business", 50, "LOW", "LOW"),
    ("plan", "Professional", 50, "LOW", "LOW"),
    ("plan", "Enterprise", 50, "LOW", "LOW"),
    ("deal_stage", "Enterprise", 50, "LOW", "LOW"),
]

# signals together, where the points of one alone stay below a level
TOGETHER: list[tuple[dict[str, Any], tuple[int, str, str]]] = [
    ({}, (50, "LOW", "LOW")),
    (
        {"usage_pct": 95, "payment_status": "Active", "nps_score": 10, "open_tickets": 0}
        | {"plan": "Starter", "deal_stage": "Enterprise"},
        (100, "LOW", "HIGH"),
    ),
    ({"usage_pct": 5, "payment_status": "Failed", "nps_score": 1, "open_tickets": 9}, (10, "HIGH", "LOW")),
    ({"usage_pct": 49, "open_tickets": 4}, (45, "MEDIUM", "LOW")),  # churn 1 + 1
    ({"usage_pct": 50, "open_tickets": 4}, (45, "LOW", "LOW")),  # churn 0 + 1
    ({"usage_pct": 30, "open_tickets": 4}, (45, "MEDIUM", "LOW")),  # churn 1 + 1
    ({"usage_pct": 29, "open_tickets": 4}, (35, "MEDIUM", "LOW")),  # churn 3 + 1
    ({"usage_pct": 29, "nps_score": 6}, (40, "HIGH", "LOW")),  # churn 3 + 2
    ({"usage_pct": 49, "nps_score": 6}, (50, "MEDIUM", "LOW")),  # churn 1 + 2
    ({"payment_status": "failed", "nps_score": 6}, (35, "HIGH", "LOW")),  # churn 3 + 2
    ({"payment_status": "past_due", "open_tickets": 4}, (30, "MEDIUM", "LOW")),  # churn 3 + 1
    ({"usage_pct": 60, "plan": "Business"}, (60, "LOW", "MEDIUM")),  # expansion 1 + 1
    ({"usage_pct": 60, "deal_stage": "Enterprise"}, (60, "LOW", "MEDIUM")),  # expansion 1 + 1
    ({"plan": "Professional", "deal_stage": "Enterprise"}, (50, "LOW", "MEDIUM")),  # expansion 1 + 1
    ({"usage_pct": 80, "plan": "Business"}, (70, "LOW", "MEDIUM")),  # expansion 3 + 1
    ({"usage_pct": 80, "plan": "basic"}, (70, "LOW", "HIGH")),  # expansion 3 + 2
    ({"usage_pct": 80, "nps_score": 9}, (80, "LOW", "HIGH")),  # expansion 3 + 2
    ({"nps_score": 9, "plan": "free", "deal_stage": "Enterprise"}, (60, "LOW", "HIGH")),  # expansion 2 + 2 + 1
    ({"nps_score": 9, "plan": "Business", "deal_stage": "Enterprise"}, (60, "LOW", "MEDIUM")),  # expansion 2 + 1 + 1
]

SPELLINGS = ["past_due", "Past Due", "PAST DUE", "past-due", "  Past Due ", "Past_Due", "pAsT-dUe", "past\tdue"]
OTHERS = ["pastdue", "past  due", "past.due", "due", "overdue", "NA"]


def profiles(*known: dict[str, Any]) -> pd.DataFrame:
    """Merged profiles of which only the given values are known."""
    cells = {c.name: pa.array([each.get(c.name) for each in known], TYPES[c.kind]) for c in MERGED_COLUMNS}
    texts = {c.name: cells[c.name].dictionary_encode() for c in MERGED_COLUMNS if c.kind == "text"}
    return scored(pa.table(cells | texts))


def scores(**known: Any) -> tuple[int, str, str]:
    """Health, churn and expansion of such a profile."""
    row = score(profiles(known)).iloc[0]
    return row["health_score"], row["churn_risk"], row["expansion_potential"]


@pytest.mark.parametrize(("column", "value", "health", "churn", "expansion"), SIGNALS)
def test_one_signal(column: str, value: Any, health: int, churn: str, expansion: str) -> None:
    """Each line of the table, at its boundaries, with everything else unknown."""
    assert scores(**{column: value}) == (health, churn, expansion)


@pytest.mark.parametrize(("known", "wanted"), TOGETHER)
def test_signals_together(known: dict[str, Any], wanted: tuple[int, str, str]) -> None:
    """Points add up over the signals, and the levels begin at 2 and 5."""
    assert scores(**known) == wanted


def test_health_stays_at_a_hundred() -> None:
    """The best of everything is exactly 100: 50 + 20 + 15 + 10 + 5."""
    best = {"usage_pct": 80, "payment_status": "active", "nps_score": 9, "open_tickets": 0}
    assert [scores(**best)[0], scores(**(best | {"open_tickets": 1}))[0]] == [100, 95]


def test_rows_are_scored_one_by_one() -> None:
    """A known row beside an unknown one changes nothing of either."""
    assert score(profiles({"usage_pct": 95}, {}))["health_score"].tolist() == [70, 50]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_text_is_known_in_any_spelling(text: str) -> None:
    """Case, surrounding space, and blanks or hyphens for underscores make no difference."""
    assert scores(payment_status=text) == (35, "MEDIUM", "LOW")
    assert unknown_values(profiles({"payment_status": text})) == {}


@pytest.mark.parametrize("text", OTHERS)
def test_another_text_is_neutral_and_counted(text: str) -> None:
    """A value the scores do not know changes no score and is counted for its column."""
    assert scores(payment_status=text) == (50, "LOW", "LOW")
    assert unknown_values(profiles({"payment_status": text})) == {"payment_status": 1}


def test_known_and_missing_values_are_not_counted() -> None:
    """Only values that are there and unknown count, each for its own column."""
    known = {"plan": "Legacy", "deal_stage": "Closed-Won", "account_status": "locked", "industry": "anything"}
    assert unknown_values(profiles(known, known, {})) == {"plan": 2, "account_status": 2}


def test_normalised_folds_more_than_lower_case() -> None:
    """Text is case-folded as Unicode asks."""
    assert [normalised(text) for text in ("Straße", " A-B C ", "a\u00a0b")] == ["strasse", "a_b_c", "a_b"]
