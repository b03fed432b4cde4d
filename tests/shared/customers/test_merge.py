"""Four tables → one profile per customer, seen through a whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.customers.schema import PROFILE_COLUMNS
from tests.data import row, write_sources
from tests.shared.runs import merge

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = ("crm", "billing", "product", "support")


def test_a_profile_has_all_columns_in_order(tmp_path: Path) -> None:
    """A profile's 26 merged columns, three scores and key come in the documented order, with their types."""
    merged = merge(write_sources(tmp_path / "data", crm=[row("a")]), tmp_path / "store", num_shards=1)
    types = {field.name: str(field.type) for field in merged.table.schema}
    assert ",".join(types) == (
        "customer_id,email,company_name,industry,deal_stage,sales_owner,employee_count,deal_value,last_contact,"
        "plan,mrr,payment_status,subscription_start,last_payment,"
        "signup_date,last_active,total_sessions,features_used,usage_pct,account_status,"
        "total_tickets,open_tickets,avg_resolution_hrs,last_ticket_date,nps_score,csat_score,"
        "health_score,churn_risk,expansion_potential,idempotency_key"
    )
    kinds = {"text": "string", "int": "int64", "float": "double", "date": "date32[day]"}
    assert types == {column.name: kinds[column.kind] for column in PROFILE_COLUMNS}


@pytest.mark.parametrize("known", SOURCES)
def test_a_customer_of_one_source_has_a_profile(tmp_path: Path, known: str) -> None:
    """An id in any source is a customer; columns of other sources are missing, and the scores neutral."""
    data = write_sources(tmp_path / "data", **{known: [row("a", email="a@example.com")]})
    (profile,) = merge(data, tmp_path / "store").profiles
    known_values = {name for name, value in profile.items() if value is not None}
    assert known_values == {"customer_id", "email", "idempotency_key"} | {
        "health_score",
        "churn_risk",
        "expansion_potential",
    }
    assert profile["health_score"] == 50


@pytest.mark.parametrize("first", range(4))
def test_the_first_source_with_an_email_gives_it(tmp_path: Path, first: int) -> None:
    """The email is crm's, else billing's, else product's, else support's; a blank one is none."""
    tables = {
        name: [row("a", email="" if number < first else f"{name}@example.com")] for number, name in enumerate(SOURCES)
    }
    (profile,) = merge(write_sources(tmp_path / "data", **tables), tmp_path / "store").profiles
    assert profile["email"] == f"{SOURCES[first]}@example.com"


def test_the_last_row_wins_whole(tmp_path: Path) -> None:
    """Of a customer's rows the last counts as it is: its blanks do not take what an earlier row had."""
    rows = [row("a", plan="Starter", mrr="1"), row("b", mrr="5"), row("a", plan="Business"), row("b", mrr="4")]
    merged = merge(write_sources(tmp_path / "data", billing=rows), tmp_path / "store")
    assert [(p["customer_id"], p["plan"], p["mrr"]) for p in merged.profiles] == [
        ("a", "Business", None),
        ("b", None, 4),
    ]
    assert merged.result["duplicates"] == {"crm": 0, "billing": 2, "product": 0, "support": 0}


def test_ids_are_text(tmp_path: Path) -> None:
    """Leading zeros are kept, surrounding white space is not, and case counts."""
    rows = [row("007", mrr="1"), row(" 7", mrr="2"), row("7\t", mrr="3"), row("A", mrr="4"), row("a", mrr="5")]
    merged = merge(write_sources(tmp_path / "data", billing=rows), tmp_path / "store")
    assert {p["customer_id"]: p["mrr"] for p in merged.profiles} == {"007": 1, "7": 3, "A": 4, "a": 5}


def test_sources_meet_on_the_trimmed_id(tmp_path: Path) -> None:
    """A space around an id in one source does not split the customer."""
    data = write_sources(tmp_path / "data", crm=[row("101 ", industry="Retail")], billing=[row("101", mrr="9")])
    (profile,) = merge(data, tmp_path / "store").profiles
    assert (profile["customer_id"], profile["industry"], profile["mrr"]) == ("101", "Retail", 9)


def test_profiles_are_ordered_by_code_point(tmp_path: Path) -> None:
    """Within a shard, customers are sorted by the code points of their ids, wherever the machine is."""
    rows = [row(customer) for customer in ("é", "z", "Z", "10", "9", "名", "🙂", "a b")]
    merged = merge(write_sources(tmp_path / "data", crm=rows), tmp_path / "store", num_shards=1)
    assert merged.customers_by_shard == [["10", "9", "Z", "a b", "z", "é", "名", "🙂"]]
    assert merged.result["sample_profile"]["customer_id"] == "10"


def test_text_is_kept_to_the_letter(tmp_path: Path) -> None:
    """Quotes, commas, newlines, spaces around, other scripts and words that mean nothing elsewhere stay as they are."""
    texts = {"company_name": 'Évora "Labs", Ltd', "industry": " two\nlines ", "sales_owner": "NA", "deal_stage": "NULL"}
    (profile,) = merge(write_sources(tmp_path / "data", crm=[row("名", **texts)]), tmp_path / "store").profiles
    assert {name: profile[name] for name in texts} == texts


def test_the_key_follows_the_source_rows_alone(tmp_path: Path) -> None:
    """The key changes only with a cell of the customer's winning rows."""

    def key(name: str, shards: int, **tables: list[dict[str, str]]) -> str:
        data = write_sources(tmp_path / name, **tables)
        profiles = merge(data, tmp_path / f"{name}-store", num_shards=shards).profiles
        return str(next(p["idempotency_key"] for p in profiles if p["customer_id"] == "a"))

    first = key("first", 1, crm=[row("a", industry="Retail")], billing=[row("a", email="x@example.com")])
    other = [row("a", industry="Finance"), row("b"), row("a", industry="Retail")]
    same = key("same", 7, crm=other, billing=[row("a", email="x@example.com")])
    moved = key("moved", 1, crm=[row("a", industry="Retail", email="x@example.com")], billing=[row("a")])
    assert first == same
    assert first != moved
    assert first.startswith("a:")
