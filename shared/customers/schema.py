"""The schema: columns, types and ranges of the four sources, and the columns of a profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "int", "float", "date"]

# Part of every job and digest. Raise it when staged or profile bytes change for the same sources.
SCHEMA_VERSION = 2
# Part of a staging's address only. Raise it when few rows are read differently and other digests stay the same.
STAGING_VERSION = 3

KEY = "customer_id"
EMAIL = "email"


@dataclass(frozen=True)
class CsvColumn:
    """One column of a source.

    Attributes:
        name: The header's text.
        kind: The type of its cells; a blank cell of any type is missing.
        low: The smallest value allowed, inclusive; None for no bound.
        high: The largest value allowed, inclusive; None for no bound.
        known: The values that the scores know, normalised; others are kept and counted. Empty if any text is allowed.
    """

    name: str
    kind: Kind = "text"
    low: float | None = None
    high: float | None = None
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """One source of customers: a header and usually one row per customer.

    Attributes:
        name: Short name; the file is ``<name>.csv``.
        columns: All required columns, the key first. A file can have them in any order, and additional columns, which
            are ignored.
    """

    name: str
    columns: tuple[CsvColumn, ...]

    @property
    def file(self) -> str:
        """The source's file name inside the data folder."""
        return f"{self.name}.csv"

    @property
    def profile_columns(self) -> tuple[CsvColumn, ...]:
        """The columns that only this source adds to a profile: all but the key and the email."""
        return tuple(column for column in self.columns if column.name not in {KEY, EMAIL})


def _source(name: str, *columns: CsvColumn) -> Source:
    return Source(name, (CsvColumn(KEY), CsvColumn(EMAIL), *columns))


def _count(name: str) -> CsvColumn:
    return CsvColumn(name, "int", low=0)


# The order decides which email wins, and is the order of the sources in an idempotency key.
SOURCES = (
    _source(
        "crm",
        CsvColumn("company_name"),
        CsvColumn("industry"),
        CsvColumn("deal_stage", known=("lead", "qualified", "proposal", "negotiation", "closed_won", "enterprise")),
        CsvColumn("sales_owner"),
        _count("employee_count"),
        CsvColumn("deal_value", "int"),
        CsvColumn("last_contact", "date"),
    ),
    _source(
        "billing",
        CsvColumn("plan", known=("starter", "business", "professional", "enterprise", "free", "basic")),
        CsvColumn("mrr", "int"),
        CsvColumn("payment_status", known=("active", "past_due", "failed")),
        CsvColumn("subscription_start", "date"),
        CsvColumn("last_payment", "date"),
    ),
    _source(
        "product",
        CsvColumn("signup_date", "date"),
        CsvColumn("last_active", "date"),
        _count("total_sessions"),
        _count("features_used"),
        CsvColumn("usage_pct", "int", low=0, high=100),
        CsvColumn("account_status", known=("active", "inactive", "trial")),
    ),
    _source(
        "support",
        _count("total_tickets"),
        _count("open_tickets"),
        CsvColumn("avg_resolution_hrs", "float", low=0),
        CsvColumn("last_ticket_date", "date"),
        CsvColumn("nps_score", "int", low=0, high=10),
        CsvColumn("csat_score", "float", low=1, high=5),
    ),
)

MERGED_COLUMNS = (
    CsvColumn(KEY),
    CsvColumn(EMAIL),
    *(column for source in SOURCES for column in source.profile_columns),
)

LEVELS = ("LOW", "MEDIUM", "HIGH")
SCORE_COLUMNS = (
    CsvColumn("health_score", "int", low=0, high=100),
    CsvColumn("churn_risk", known=LEVELS),
    CsvColumn("expansion_potential", known=LEVELS),
)

# All columns of a profile, in the order they are written and hashed.
PROFILE_COLUMNS = (*MERGED_COLUMNS, *SCORE_COLUMNS, CsvColumn("idempotency_key"))
