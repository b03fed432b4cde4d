"""The digest's definition, pinned: a golden vector, the row text of each kind, and what must change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from shared.customers.row_digest import row_hash
from shared.run.digest import Digest
from shared.run.settings import SAMPLE_DATA
from tests.data import row, write_sources
from tests.golden import GOLDEN_DIGEST
from tests.oracle import expected
from tests.oracle_csv import SOURCES, read_source
from tests.prefect_server import ROOT
from tests.shared.agreement import assert_agrees
from tests.shared.runs import merge

if TYPE_CHECKING:
    from pathlib import Path

FLOATS = ["0", "-0", "83", "83.0", "0.1", "1e3", "1e15", "1e16", "1e17", "123456789012345678", "1e-4", "1e-5", "1.5e-7"]
FLOATS += ["1e21", "1e22", "1e300", "1.7976931348623157e308", "5e-324", "0.30000000000000004", "2.5", "1e100"]
FLOATS += ["0.0", "-0.0", "0.5", "00.5", ".5", "+0.5", "12.50", "0.05", "0.95", "99999999999999.9", "99999999999999.95"]
FLOATS += ["999999999999999.9", "2251799813685248.5", "100000000000000.0"]


def digest(folder: Path, **tables: list[dict[str, str]]) -> str:
    """The digest of a run over these rows."""
    data = write_sources(folder / "data", **tables)
    return str(merge(data, folder / "store", num_shards=1).result["digest"])


def test_a_golden_digest(tmp_path: Path) -> None:
    """One known customer has the digest and key it has always had; a change of either is a new contract version."""
    crm = row("a", email="a@example.com", company_name="Évora", employee_count="5", last_contact="2026-01-31")
    support = row("a", avg_resolution_hrs="83", nps_score="10")
    merged = merge(write_sources(tmp_path / "data", crm=[crm], support=[support]), tmp_path / "store")
    assert merged.profiles[0]["idempotency_key"] == "a:da3aa2a898b9c9c58e3105e41d1b27f0"
    assert merged.result["digest"] == "v2:1:dbe4a20c9f508aaf3e98ad48da56e114"


def test_the_documented_formula_gives_the_golden_digest() -> None:
    """The code in the document alone gives the keys and the digest of the committed sample."""
    document = (ROOT / "shared/customers/README.md").read_text(encoding="utf-8")
    formula: dict[str, Any] = {}
    exec(document.partition("```python\n")[2].partition("```")[0], formula)  # noqa: S102 — the document's own code
    tables = [read_source(SAMPLE_DATA, name).winners for name in SOURCES]
    profiles = expected(SAMPLE_DATA).profiles
    for profile in profiles:
        rows = [table.get(str(profile["customer_id"])) for table in tables]
        cells = [row and [value for column, value in row.items() if column != "customer_id"] for row in rows]
        assert formula["idempotency_key"](profile["customer_id"], cells) == profile["idempotency_key"]
    own = ("email", "health_score", "churn_risk", "expansion_potential", "idempotency_key")
    assert formula["digest"]([[profile[column] for column in own] for profile in profiles]) == GOLDEN_DIGEST


def test_numbers_have_one_text(tmp_path: Path) -> None:
    """A number is hashed as the shortest decimal that reads back the same, however large, small or oddly written."""
    rows = [row(f"written {text}", avg_resolution_hrs=text) for text in FLOATS]
    merged = assert_agrees(write_sources(tmp_path / "data", support=rows), tmp_path / "store", num_shards=1)
    assert merged.result["profiles_generated"] == len(FLOATS)


def test_a_separator_in_a_cell_is_no_separator(tmp_path: Path) -> None:
    """Cells that read the same one after another have keys and digests of their own; before, they shared both."""
    rows = {
        "1": row("a", company_name="Acme\x1fX", industry="Y", deal_stage="Z"),
        "2": row("a", company_name="Acme", industry="X\x1fY", deal_stage="Z"),
        "3": row("a", company_name="Acme", industry="X", deal_stage="Y\x1fZ"),
        "4": row("a\x1f", company_name="Acme", industry="X", deal_stage="Z"),
        "5": row("a", email="\x1f", company_name="Acme", industry="X", deal_stage="Z"),
    }
    merged = {
        name: assert_agrees(write_sources(tmp_path / name, crm=[each, row("other")]), tmp_path / f"{name}-store")
        for name, each in rows.items()
    }
    assert len({each.result["digest"] for each in merged.values()}) == len(rows)
    assert len({each.profiles[0]["idempotency_key"] for each in merged.values()}) == len(rows)


CELLS = st.none() | st.sampled_from(["", ",", "1", "\x1f", "\x1f1", "\x1f,", "\x1f1,1", "1,1", "a"])


@given(*[st.lists(CELLS, min_size=3, max_size=3)] * 2)
def test_no_two_rows_have_one_hash(one: list[str | None], other: list[str | None]) -> None:
    """Rows of as many cells have one hash when they are the same row, and only then."""
    assert (row_hash(one) == row_hash(other)) is (one == other)


def test_any_cell_changes_the_digest(tmp_path: Path) -> None:
    """A cell, a cell in another column, a missing cell instead of a text, and a customer more all differ."""
    digests = [
        digest(tmp_path / "1", crm=[row("a", industry="x")]),
        digest(tmp_path / "2", crm=[row("a", industry="y")]),
        digest(tmp_path / "3", crm=[row("a", deal_stage="x")]),
        digest(tmp_path / "4", crm=[row("a")]),
        digest(tmp_path / "5", billing=[row("a")]),
        digest(tmp_path / "6", crm=[row("a", industry="x"), row("b")]),
        digest(tmp_path / "7", crm=[row("b", industry="x")]),
    ]
    assert len(set(digests)) == len(digests)


def test_how_a_value_was_written_does_not_matter(tmp_path: Path) -> None:
    """Values count, not their spelling: a plus sign, leading zeros, quotes and blanks for nothing."""
    first = digest(tmp_path / "1", product=[row("a", usage_pct="7", email="")])
    assert first == digest(tmp_path / "2", product=[row(" a ", usage_pct="+007", email="   ")])


def test_swapped_values_of_two_customers_are_noticed(tmp_path: Path) -> None:
    """The sum is over whole rows, so exchanging a cell between customers changes it."""
    first = digest(tmp_path / "1", crm=[row("a", industry="x"), row("b", industry="y")])
    assert first != digest(tmp_path / "2", crm=[row("a", industry="y"), row("b", industry="x")])


def test_the_text_of_a_digest() -> None:
    """Version, count and the sum as 32 hex digits."""
    text = "v2:3:" + "0" * 30 + "ff"
    assert Digest(3, 255).text(2) == text
    assert Digest.parse(text) == Digest(3, 255)
    assert Digest.sum([Digest(1, 2**128 - 1), Digest(2, 2)]) == Digest(3, 1)
    assert Digest.sum([]) == Digest(0, 0)
