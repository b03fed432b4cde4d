"""N manifests → the run's result: what it has, and what it refuses to add up."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from shared.customers.generate import generate
from shared.customers.sharding import shard_of
from shared.customers.summary import summary_lines
from shared.run import returned, steps
from shared.run.errors import TerminalError, TransientError
from shared.run.run import Run
from tests.data import row, write_sources
from tests.shared.runs import Json, Merged, folder_of, merge, published, read_json, staged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEYS = [
    "run_id",
    "pipeline",
    "engine",
    "profiles_generated",
    "records_processed",
    "shards_processed",
    "shard_timings",
    "statistics",
    "digest",
    "rejects",
    "customers_with_rejects",
    "duplicates",
    "unknown_values",
    "overlap",
    "sample_profile",
    "output",
]

SHARD_KEYS = [
    *("shard_id", "part", "digest", "facts", "input_digest", "staging", "size", "blake3"),
    *("invocation", "attempt", "elapsed_ms"),
]
FACTS = [
    "shard_id",
    "customers",
    "lowest_customer_id",
    "health_score_sum",
    "churn_distribution",
    "expansion_distribution",
    "rows",
    "duplicates",
    "overlap",
    "unknown_values",
    "customers_with_rejects",
]


@pytest.fixture
def merged(tmp_path: Path) -> Merged:
    """A finished run over thirty customers with a duplicate, all four sources."""
    crm = [row(f"c{number:02}", deal_stage="Lost" if number < 3 else "Lead") for number in range(30)]
    data = write_sources(
        tmp_path / "data", crm=[*crm, crm[5]], billing=[row("c07")] * 10, support=[row("z", nps_score="3")]
    )
    return merge(data, tmp_path / "store")


def test_the_result_has_the_documented_keys(merged: Merged) -> None:
    """The tutorial's keys and ours, counted from what was done."""
    result = merged.result
    assert sorted(result) == sorted(KEYS)
    assert (result["run_id"], result["engine"], result["output"]) == ("r", "local", f"{merged.folder}/profiles")
    assert result["pipeline"] == "customers"
    assert (result["profiles_generated"], result["records_processed"], result["shards_processed"]) == (31, 42, 3)
    assert (result["rejects"], result["customers_with_rejects"]) == (0, 0)
    assert result["duplicates"] == {"crm": 1, "billing": 9, "product": 0, "support": 0}
    assert result["unknown_values"] == {"deal_stage": 3}
    assert result["sample_profile"] == merged.profiles[0]
    assert result["sample_profile"]["customer_id"] == "c00"


def test_an_id_that_is_written_in_two_ways_shows(tmp_path: Path) -> None:
    """Customers in all sources, in one only and in both of each pair: ``0101`` and ``101`` are two customers."""
    crm, billing = [row("0101"), row("b"), row("c")], [row("101"), row("b"), row("c")]
    merged = merge(write_sources(tmp_path / "data", crm=crm, billing=billing, product=[row("c")]), tmp_path / "store")
    assert merged.result["overlap"] == {
        "in_all": 0,
        "in_one_only": {"crm": 1, "billing": 1, "product": 0, "support": 0},
        "in_both": {
            "crm+billing": 2,
            "crm+product": 1,
            "crm+support": 0,
            "billing+product": 1,
            "billing+support": 0,
            "product+support": 0,
        },
    }
    assert summary_lines(merged.result)["overlap"].splitlines() == [
        "0 customers in all sources",
        "in one source only: 1 crm, 1 billing, 0 product, 0 support",
        "in both: 2 crm+billing, 1 crm+product, 0 crm+support",
        "         1 billing+product, 0 billing+support, 0 product+support",
    ]


def test_a_result_without_overlap_is_shown(merged: Merged) -> None:
    """A run of version 0.2 has none, nor has one that 0.2 began."""
    result = {key: value for key, value in merged.result.items() if key != "overlap"}
    assert "overlap" not in summary_lines(result)
    assert "overlap" not in summary_lines(merged.result | {"overlap": None})


def test_the_statistics_are_of_all_profiles(merged: Merged) -> None:
    """The average and the distributions are those of the profiles that were published."""
    profiles = merged.profiles
    statistics = merged.result["statistics"]
    assert statistics["avg_health_score"] == round(sum(p["health_score"] for p in profiles) / len(profiles), 2)
    assert statistics["churn_distribution"] == {"LOW": 30, "MEDIUM": 1, "HIGH": 0}
    assert statistics["expansion_distribution"] == {"LOW": 31, "MEDIUM": 0, "HIGH": 0}


def test_shard_timings_tell_every_shard(merged: Merged) -> None:
    """One entry per shard, in order, with its customers, milliseconds and the attempt that committed."""
    timings = merged.result["shard_timings"]
    assert [(t["shard_id"], t["count"], t["attempt"]) for t in timings] == [
        (shard, len(customers), 1) for shard, customers in enumerate(merged.customers_by_shard)
    ]
    assert all(isinstance(t["elapsed_ms"], int) and t["elapsed_ms"] >= 0 for t in timings)
    assert {key for t in timings for key in t} == {"shard_id", "count", "elapsed_ms", "attempt"}


def test_the_lines_do_not_depend_on_the_order_of_keys(merged: Merged) -> None:
    """A result that came with its keys sorted, or in any other order, reads the same: low before medium before high."""
    result = merged.result | {"duplicates": {"crm": 1, "billing": 2}}
    lines = summary_lines(result)
    assert summary_lines(json.loads(json.dumps(result, sort_keys=True))) == lines
    assert [line.split()[0] for line in lines["churn risk"].splitlines()] == ["LOW", "MEDIUM", "HIGH"]


def test_the_published_result_is_the_returned_one(merged: Merged) -> None:
    """result.json has what the step returned, and reads as JSON."""
    assert read_json(merged.folder / "result.json") == merged.result
    assert json.loads(json.dumps(merged.result)) == merged.result


def test_the_profiles_read_as_one_dataset(merged: Merged) -> None:
    """One glob over profiles/ gives every customer once, in pandas as in DuckDB."""
    import duckdb
    import pandas as pd

    ids = [profile["customer_id"] for profile in merged.profiles]
    with duckdb.connect() as connection:
        rows = connection.sql(f"select customer_id from '{merged.folder}/profiles/*.parquet' order by all").fetchall()
    assert [customer for (customer,) in rows] == ids
    assert sorted(pd.read_parquet(merged.folder / "profiles")["customer_id"]) == ids


def test_redacting_leaves_the_sample_out(tmp_path: Path) -> None:
    """With redact on, the result has no value of any customer."""
    data = write_sources(tmp_path / "data", crm=[row("a", email="secret@example.com")])
    merged = merge(data, tmp_path / "store", redact=True)
    assert merged.result["sample_profile"] is None
    assert "secret" not in (merged.folder / "result.json").read_text()


def test_a_shards_result_is_small_whatever_the_data(tmp_path: Path) -> None:
    """Twenty thousand customers make a shard's result no larger than one: counts, one id, no other values."""
    generate(tmp_path / "data", customers=20_000, seed=1, as_of=date(2026, 1, 31))
    job = staged(tmp_path / "data", tmp_path / "store", num_shards=2)
    result = steps.process_shard(job, 0)
    assert len(json.dumps(result)) < 2_000
    assert "@" not in json.dumps(result)
    assert sorted(result) == sorted(SHARD_KEYS)
    assert sorted(result["facts"]) == sorted(FACTS)


def test_a_result_past_the_cap_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The promise of 16 KB is enforced, not hoped for, and nothing is committed that breaks it."""
    assert returned.MAX_FACTS_BYTES == 16 * 1024
    monkeypatch.setattr(returned, "MAX_FACTS_BYTES", 100)
    job = staged(write_sources(tmp_path / "data", crm=[row("a")]), tmp_path / "store")
    with pytest.raises(TerminalError, match=r"shard-000: what process_shard of .* larger than 100 bytes"):
        steps.process_shard(job, 0)
    assert Run.of(job).committed() == set()


def wrong_rows(manifest: Json) -> None:
    """A row went missing between staging and shard."""
    manifest["facts"]["rows"]["crm"] -= 1


def wrong_place(manifest: Json) -> None:
    """A customer of another shard."""
    manifest["facts"]["lowest_customer_id"] = next(c for c in "abcdefghij" if shard_of(c, 3) != manifest["shard_id"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (wrong_rows, "the shards read 30 rows of crm, but 31 were staged"),
        (wrong_place, "shard 1 holds '[a-j]', a customer of another shard"),
    ],
)
def test_shards_that_do_not_add_up(merged: Merged, spoil: Callable[[Any], None], message: str) -> None:
    """A manifest that contradicts the staging or the sharding is not a result."""
    path = merged.folder / "manifests" / "shard-001.json"
    manifest = read_json(path)
    spoil(manifest)
    path.write_text(json.dumps(manifest))
    (merged.folder / "result.json").unlink()
    with pytest.raises(TransientError, match=message):
        steps.aggregate(merged.job)
    assert "result.json" not in published(merged.job)


def test_a_missing_shard_is_named(merged: Merged) -> None:
    """Aggregation names the shards that are not committed and what to do."""
    for shard in (0, 2):
        (folder_of(merged.job) / "manifests" / f"shard-00{shard}.json").unlink()
    with pytest.raises(TransientError, match=r"shards \[0, 2\] are not committed; run the same run_id again to finish"):
        steps.aggregate(merged.job)
