"""CSV → staged files: formats that just work, which row wins, when a staging is made and when it is reused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from shared.customers.pipeline import CustomerMerge
from shared.customers.schema import STAGING_VERSION
from shared.customers.sharding import shard_of
from shared.run import steps
from shared.run.errors import TransientError
from shared.run.run import Run
from shared.run.store import create_json
from tests.data import COLUMNS, Row, csv_text, row, write_sources
from tests.shared.runs import Json, finish, folder_of, merge, opened, staged

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    row("007", company_name='Évora "Labs", Ltd', industry="two\nlines", deal_value="5", last_contact="2026-01-31"),
    row("名前", company_name="Ωmega", deal_value="6"),
]
PLAIN = csv_text("crm", ROWS)

FORMATS: dict[str, bytes] = {
    "a byte order mark": PLAIN.encode("utf-8-sig"),
    "CRLF": csv_text("crm", ROWS, newline="\r\n").encode(),
    "a byte order mark and CRLF": csv_text("crm", ROWS, newline="\r\n").encode("utf-8-sig"),
    "no end of the last line": PLAIN.rstrip("\n").encode(),
    "blank lines at the end": (PLAIN + "\n\n").encode(),
    "every cell quoted": (
        "\n".join(
            ",".join('"{}"'.format(r.get(c, "").replace('"', '""')) for c in COLUMNS["crm"])
            for r in [{c: c for c in COLUMNS["crm"]}, *ROWS]
        )
        + "\n"
    ).encode(),
    "space around ids": csv_text("crm", [r | {"customer_id": f" {r['customer_id']}\t"} for r in ROWS]).encode(),
}


@pytest.mark.parametrize("content", FORMATS.values(), ids=FORMATS.keys())
def test_formats_that_just_work(tmp_path: Path, content: bytes) -> None:
    """However a file is written, its customers are the same as in the plain one."""
    wanted = merge(write_sources(tmp_path / "plain", crm=PLAIN), tmp_path / "plain-store")
    merged = merge(write_sources(tmp_path / "data", crm=content), tmp_path / "store")
    assert merged.profiles == wanted.profiles
    assert [p["company_name"] for p in merged.profiles] == ['Évora "Labs", Ltd', "Ωmega"]
    assert merged.profiles[0]["industry"] == "two\nlines"
    assert merged.result["digest"] == wanted.result["digest"]


def test_no_customers_at_all(tmp_path: Path) -> None:
    """Four headers without a row are a run over nobody, not an error."""
    result = merge(write_sources(tmp_path / "data"), tmp_path / "store").result
    assert (result["profiles_generated"], result["records_processed"], result["sample_profile"]) == (0, 0, None)
    assert result["digest"] == f"v2:0:{0:032x}"
    assert result["statistics"]["avg_health_score"] is None


def test_more_shards_than_customers(tmp_path: Path) -> None:
    """Shards that nobody falls on are done like others and publish an empty file of the same columns."""
    merged = merge(write_sources(tmp_path / "data", crm=[row("a")]), tmp_path / "store", num_shards=20)
    assert merged.result["profiles_generated"] == 1
    assert [len(customers) for customers in merged.customers_by_shard].count(0) == 19
    assert merged.table.num_columns == 30


def test_a_shard_reads_only_its_own_batches(tmp_path: Path) -> None:
    """Each batch of a staged file holds one shard's rows, and the manifest says whose."""
    rows = [row(f"c{number}") for number in range(200)]
    job = staged(write_sources(tmp_path / "data", crm=rows), tmp_path / "store", num_shards=7)
    staged_files = Run.of(job).context(1).staged
    with staged_files.open("crm.arrow") as file, pa.ipc.open_file(file) as arrow:
        shards = staged_files.facts["sources"]["crm"]["batches"]
        assert len(shards) == arrow.num_record_batches == 7
        for index, shard in enumerate(shards):
            customers = arrow.get_batch(index)["customer_id"].to_pylist()
            assert {shard_of(customer, 7) for customer in customers} == {shard}


def test_the_last_of_far_duplicates_wins_in_a_million_rows(tmp_path: Path) -> None:
    """Of 1.2 million shuffled rows of 300,000 customers, each customer's last row in file order counts."""
    numbers = np.random.default_rng(11).permutation(np.repeat(np.arange(300_000), 4))
    write_sources(tmp_path / "data")
    columns: dict[str, pa.Array] = {name: pa.nulls(len(numbers), pa.string()) for name in COLUMNS["product"]}
    columns |= {"customer_id": pa.array(numbers), "total_sessions": pa.array(np.arange(len(numbers)))}
    pa_csv.write_csv(pa.table(columns), tmp_path / "data" / "product.csv")
    merged = merge(tmp_path / "data", tmp_path / "store", num_shards=3)
    last = np.zeros(300_000, dtype=np.int64)
    np.maximum.at(last, numbers, np.arange(len(numbers)))
    table = merged.table
    assert np.array_equal(np.sort(table["customer_id"].to_numpy().astype(np.int64)), np.arange(300_000))
    assert np.array_equal(table["total_sessions"].to_numpy(), last[table["customer_id"].to_numpy().astype(np.int64)])
    assert merged.result["duplicates"]["product"] == 900_000


def test_a_second_run_over_the_same_data_reuses_the_staging(tmp_path: Path) -> None:
    """What one run staged, another over the same bytes and shards takes as it is, wherever the bytes are."""
    write_sources(tmp_path / "here", crm=[row("a")])
    write_sources(tmp_path / "there", crm=[row("a")])
    first = steps.stage(opened(tmp_path / "here", tmp_path / "store", run_id="first"))
    before = stamps(tmp_path / "store" / "staged")
    second = steps.stage(opened(tmp_path / "there", tmp_path / "store", run_id="second"))
    assert (first["staged"], second["staged"]) == ("new", "reused")
    assert stamps(tmp_path / "store" / "staged") == before
    assert {key: first[key] for key in ("rows", "rejects")} == {key: second[key] for key in ("rows", "rejects")}


@pytest.mark.parametrize("change", [{"num_shards": 4}, {"industry": "Finance"}])
def test_other_data_or_shards_are_staged_anew(tmp_path: Path, change: Json) -> None:
    """A staging belongs to its bytes and its number of shards."""
    first = opened(write_sources(tmp_path / "one", crm=[row("a", industry="Retail")]), tmp_path / "store", run_id="one")
    steps.stage(first)
    rows: list[Row] = [row("a", industry=change.get("industry", "Retail"))]
    options = {name: value for name, value in change.items() if name == "num_shards"}
    job = opened(write_sources(tmp_path / "two", crm=rows), tmp_path / "store", run_id="two", **options)
    assert steps.stage(job)["staged"] == "new"
    assert finish(job).result["profiles_generated"] == 1


def test_a_staging_of_another_version_is_not_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where rows are read otherwise than before, earlier stagings of the same data do not count; the digest stays."""
    data = write_sources(tmp_path / "data", crm=[row("a")])
    results = []
    for version in (STAGING_VERSION, STAGING_VERSION + 1):
        monkeypatch.setattr(CustomerMerge, "staging_version", version)
        job = opened(data, tmp_path / "store", run_id=f"r{version}")
        assert steps.stage(job)["staged"] == "new"
        results.append(finish(job).result["digest"])
    assert results[0] == results[1]


@pytest.mark.parametrize("source", sorted(COLUMNS))
def test_a_source_that_changes_before_staging(tmp_path: Path, source: str) -> None:
    """A file written to between start and staging makes the attempt fail, worth retrying, and nothing is kept."""
    data = write_sources(tmp_path / "data")
    job = opened(data, tmp_path / "store")
    with (data / f"{source}.csv").open("a") as file:
        file.write("z" + "," * (len(COLUMNS[source]) - 1) + "\n")
    with pytest.raises(
        TransientError, match=f"^{source}.csv in {data} changed since the run started; start a run with another"
    ):
        steps.stage(job)
    assert not (tmp_path / "store" / "staged").exists()


def test_a_source_touched_before_staging(tmp_path: Path) -> None:
    """Another modification time is a change, even when the size is the same."""
    data = write_sources(tmp_path / "data")
    job = opened(data, tmp_path / "store")
    os.utime(data / "crm.csv", (1, 1))
    with pytest.raises(TransientError, match=r"^crm.csv in .* changed"):
        steps.stage(job)


def test_a_source_that_changes_while_it_is_staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change between the first look and the last is noticed: the staging is not marked as complete."""
    import shared.customers.stage

    data = write_sources(tmp_path / "data", crm=[row("a")])
    job = opened(data, tmp_path / "store")
    genuine = shared.customers.stage.stage

    def changed_meanwhile(*arguments: object, **options: object) -> object:
        manifest = genuine(*arguments, **options)  # type: ignore[arg-type]
        write_sources(data, crm=[row("b")])
        for name in COLUMNS:
            os.utime(data / f"{name}.csv", (1, 1))
        return manifest

    monkeypatch.setattr(shared.customers.stage, "stage", changed_meanwhile)
    with pytest.raises(TransientError, match=r"^billing.csv, crm.csv, .* changed"):
        steps.stage(job)
    assert list((tmp_path / "store").rglob("staged.json")) == []
    with pytest.raises(TransientError, match="has no staging for run r; run the step stage first"):
        steps.process_shard(job, 0)


def test_an_unfinished_staging_is_made_again(tmp_path: Path) -> None:
    """Files of a staging that was never completed are replaced, not trusted."""
    data = write_sources(tmp_path / "data", crm=[row("a")])
    job = opened(data, tmp_path / "store")
    run = Run.of(job)
    create_json(run.store, f"{run.staging}/crm.arrow", {"half": "written"})
    assert steps.stage(job)["staged"] == "new"
    assert finish(job).result["profiles_generated"] == 1


def test_staging_tells_what_it_did(tmp_path: Path) -> None:
    """The step's answer has rows by source, rejects and the shards that are left."""
    data = write_sources(tmp_path / "data", crm=[row("a"), row("a")], billing=[row("b", mrr="x")])
    job = opened(data, tmp_path / "store", max_rejects="1")
    assert steps.stage(job) == {
        "staged": "new",
        "rows": {"crm": 2, "billing": 0, "product": 0, "support": 0},
        "rejects": 1,
        "remaining_shards": [0, 1, 2],
    }
    assert sorted(path.name for path in folder_of(job).iterdir()) == [
        "attempts",
        "invocations",
        "job.json",
        "rejects.csv",
    ]


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """What tells whether a staged file was written again: its inode and modification time; each use leaves its date."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "last-used-by.json"]
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}
