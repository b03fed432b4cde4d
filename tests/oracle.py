"""The merge again, slow and obvious: row by row, with the standard library only.

It knows the rules from the documentation, not from the code it is compared with.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from tests.oracle_csv import LONGEST, SOURCES, Row, Table, read_source
from tests.oracle_scores import churn_risk, expansion_potential, health_score, numeric, word

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = {
    "deal_stage": {"lead", "qualified", "proposal", "negotiation", "closed_won", "enterprise"},
    "plan": {"starter", "business", "professional", "enterprise", "free", "basic"},
    "payment_status": {"active", "past_due", "failed"},
    "account_status": {"active", "inactive", "trial"},
}


@dataclass(frozen=True)
class Expected:
    """What a run over a data folder has to give.

    Attributes:
        profiles: One dict per customer, ordered by id, dates as ISO text.
        rejects: The rejects file's rows, as text.
        result: The keys of the run's result that come from the data.
    """

    profiles: list[Row]
    rejects: list[dict[str, str]]
    result: dict[str, object]


def expected(folder: Path, longest: int = LONGEST) -> Expected:
    """Merge the sources in a folder, however many rows are rejected; a record may have so many bytes, its end too."""
    tables = {name: read_source(folder, name, longest) for name in SOURCES}
    ids = sorted({customer for table in tables.values() for customer in table.winners})
    winners = {name: table.winners for name, table in tables.items()}
    profiles = [profile(customer, {name: rows.get(customer) for name, rows in winners.items()}) for customer in ids]
    return Expected(
        profiles=profiles,
        rejects=[reject for table in tables.values() for reject in table.rejects],
        result=totals(profiles, tables),
    )


def profile(customer: str, rows: dict[str, Row | None]) -> Row:
    """The profile of a customer from the rows that count, None where a source does not know it."""
    merged: Row = {"customer_id": customer, "email": None}
    for name, columns in SOURCES.items():
        row = rows[name] or dict.fromkeys(columns)
        merged["email"] = row["email"] if merged["email"] is None else merged["email"]
        merged |= {column: row[column] for column in columns if column not in {"customer_id", "email"}}
    merged |= {
        "health_score": health_score(merged),
        "churn_risk": churn_risk(merged),
        "expansion_potential": expansion_potential(merged),
    }
    hashes = b"".join(bytes(16) if row is None else md5(row_text(row)) for row in rows.values())
    key = hashlib.md5(hashes, usedforsecurity=False).hexdigest()
    return merged | {"idempotency_key": f"{customer}:{key}"}


def row_text(row: Row) -> str:
    """All of a row but its id as one text, for hashing; byte lengths follow where a cell has the separator itself."""
    cells = ["\x00" if value is None else str(value) for column, value in row.items() if column != "customer_id"]
    text = "\x1f".join(cells)
    if text.count("\x1f") == len(cells) - 1:
        return text
    return text + "\x1f" + ",".join(str(len(cell.encode("utf-8"))) for cell in cells)


def md5(content: str) -> bytes:
    """Of the text as UTF-8."""
    return hashlib.md5(content.encode(), usedforsecurity=False).digest()


def digest(profiles: list[Row]) -> str:
    """How many profiles, and the sum, modulo 2^128, of the md5 of what no source brings as it is."""
    own = ("email", "health_score", "churn_risk", "expansion_potential", "idempotency_key")
    texts = [row_text({column: row[column] for column in own}) for row in profiles]
    total = sum(int.from_bytes(md5(text), "little") for text in texts) % 2**128
    return f"v2:{len(profiles)}:{total:032x}"


def totals(profiles: list[Row], tables: dict[str, Table]) -> dict[str, object]:
    """The keys of a run's result that come from the data."""
    rejected = {customer for table in tables.values() for customer in table.rejected_ids}
    return {
        "profiles_generated": len(profiles),
        "records_processed": sum(len(table.rows) for table in tables.values()),
        "rejects": sum(len(table.rejects) for table in tables.values()),
        "customers_with_rejects": sum(row["customer_id"] in rejected for row in profiles),
        "duplicates": {name: len(table.rows) - len(table.winners) for name, table in tables.items()},
        "overlap": overlap(
            [{name for name in SOURCES if row["customer_id"] in tables[name].winners} for row in profiles]
        ),
        "unknown_values": dict(Counter(column for row in profiles for column in unknown_columns(row))),
        "digest": digest(profiles),
        "statistics": {
            "avg_health_score": average([numeric(row, "health_score") for row in profiles]),
            "churn_distribution": distribution(profiles, "churn_risk"),
            "expansion_distribution": distribution(profiles, "expansion_potential"),
        },
        "sample_profile": profiles[0] if profiles else None,
    }


def overlap(known_by: list[set[str]]) -> dict[str, object]:
    """How many customers all sources know, one alone, and each two, given the sources that know each customer."""
    pairs = combinations(SOURCES, 2)
    return {
        "in_all": known_by.count(set(SOURCES)),
        "in_one_only": {name: known_by.count({name}) for name in SOURCES},
        "in_both": {f"{one}+{two}": sum({one, two} <= names for names in known_by) for one, two in pairs},
    }


def unknown_columns(row: Row) -> list[str]:
    """The columns of a profile with a value the scores do not know."""
    return [column for column, known in KNOWN.items() if row[column] is not None and word(row, column) not in known]


def average(numbers: list[float]) -> float | None:
    """With two decimals; None of nothing."""
    return round(sum(numbers) / len(numbers), 2) if numbers else None


def distribution(profiles: list[Row], column: str) -> dict[str, int]:
    """How many customers each level has."""
    return {level: sum(row[column] == level for row in profiles) for level in ("LOW", "MEDIUM", "HIGH")}
