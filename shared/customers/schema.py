"""The four sources and the profile: columns, types, ranges, precedence. The data's shape is known here alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "int", "float", "date"]

# Part of every job and digest: raise it when staged or profile bytes change for the same sources.
SCHEMA_VERSION = 2
# Of a staging's address alone: raise it when a few odd rows are read otherwise, and the digests of all others stay.
STAGING_VERSION = 3

KEY = "customer_id"
EMAIL = "email"


@dataclass(frozen=True)
class Column:
    """One column of a source.

    Attributes:
        name: The header text.
        kind: What its cells must be; a blank cell is missing, whatever the kind.
        low: The smallest value allowed, inclusive; None for no bound.
        high: The largest value allowed, inclusive; None for no bound.
        known: The values the scores know, normalised; others are kept and counted. Empty when any text will do.
    """

    name: str
    kind: Kind = "text"
    low: float | None = None
    high: float | None = None
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """One customer CSV: UTF-8, a header row, one row per customer as a rule.

    Attributes:
        name: Short name; the file is ``<name>.csv``.
        columns: All required columns, the key first. The file may order them freely and have others, which are ignored.
    """

    name: str
    columns: tuple[Column, ...]

    @property
    def file(self) -> str:
        """The source's file name inside the data folder."""
        return f"{self.name}.csv"

    @property
    def profile_columns(self) -> tuple[Column, ...]:
        """The columns this source alone brings to a profile: all but the key and the email."""
        return tuple(column for column in self.columns if column.name not in {KEY, EMAIL})


def _source(name: str, *columns: Column) -> Source:
    return Source(name, (Column(KEY), Column(EMAIL), *columns))


def _count(name: str) -> Column:
    return Column(name, "int", low=0)


# The order is the precedence for the email, and the order of the sources in an idempotency key.
SOURCES = (
    _source(
        "crm",
        Column("company_name"),
        Column("industry"),
        Column("deal_stage", known=("lead", "qualified", "proposal", "negotiation", "closed_won", "enterprise")),
        Column("sales_owner"),
        _count("employee_count"),
        Column("deal_value", "int"),
        Column("last_contact", "date"),
    ),
    _source(
        "billing",
        Column("plan", known=("starter", "business", "professional", "enterprise", "free", "basic")),
        Column("mrr", "int"),
        Column("payment_status", known=("active", "past_due", "failed")),
        Column("subscription_start", "date"),
        Column("last_payment", "date"),
    ),
    _source(
        "product",
        Column("signup_date", "date"),
        Column("last_active", "date"),
        _count("total_sessions"),
        _count("features_used"),
        Column("usage_pct", "int", low=0, high=100),
        Column("account_status", known=("active", "inactive", "trial")),
    ),
    _source(
        "support",
        _count("total_tickets"),
        _count("open_tickets"),
        Column("avg_resolution_hrs", "float", low=0),
        Column("last_ticket_date", "date"),
        Column("nps_score", "int", low=0, high=10),
        Column("csat_score", "float", low=1, high=5),
    ),
)

MERGED_COLUMNS = (Column(KEY), Column(EMAIL), *(column for source in SOURCES for column in source.profile_columns))

LEVELS = ("LOW", "MEDIUM", "HIGH")
SCORE_COLUMNS = (
    Column("health_score", "int", low=0, high=100),
    Column("churn_risk", known=LEVELS),
    Column("expansion_potential", known=LEVELS),
)

# All columns of a profile, in the order they are written and hashed.
PROFILE_COLUMNS = (*MERGED_COLUMNS, *SCORE_COLUMNS, Column("idempotency_key"))
