"""What holds for any data: partition, order, resharding, round trips."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.customers.generate import Dirt, generate
from shared.customers.sharding import shard_of, shards_of
from shared.run.digest import Digest
from shared.run.errors import TerminalError
from shared.run.job import Job
from shared.run.settings import MAX_SHARDS
from tests.shared import drawn
from tests.shared.agreement import assert_agrees
from tests.shared.runs import merge

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
shard_counts = st.integers(1, MAX_SHARDS)
digests = st.builds(Digest, st.integers(0, 10**9), st.integers(0, 2**128 - 1))


@given(ids, shard_counts, st.integers(1, 10))
def test_a_finer_sharding_splits_each_shard(customer_id: str, num_shards: int, factor: int) -> None:
    """With ten times the shards, a customer's new shard is one of those its old shard was split into."""
    assert shard_of(customer_id, num_shards * factor) % num_shards == shard_of(customer_id, num_shards)


@given(st.lists(ids, min_size=1), shard_counts)
def test_staging_assigns_the_shard_that_the_tally_expects(customer_ids: list[str], num_shards: int) -> None:
    """The shard of an id and those of many, which come from DuckDB's md5, are the same for any id, and in range."""
    wanted = [shard_of(customer_id, num_shards) for customer_id in customer_ids]
    with duckdb.connect(config={"arrow_lossless_conversion": True}) as connection:
        connection.register("customers", pa.table({"id": pa.array(customer_ids, pa.string())}))
        md5s = connection.sql("select md5_number(id) as md5 from customers").to_arrow_table()["md5"]
    assert shards_of(md5s.combine_chunks().storage, num_shards).tolist() == wanted
    assert set(wanted) <= set(range(num_shards))


@given(drawn.data(), st.integers(1, 12))
@settings(max_examples=20)
def test_any_data_merges_as_the_oracle_merges_it(
    tmp_path_factory: pytest.TempPathFactory, data: drawn.Data, num_shards: int
) -> None:
    """Profiles, rejects, digest and counts are the oracle's, and the shards cover all customers without overlap."""
    folder = tmp_path_factory.mktemp("any")
    merged = assert_agrees(drawn.write(folder / "data", data), folder / "store", num_shards=num_shards)
    for shard, customers in enumerate(merged.customers_by_shard):
        assert customers == sorted(customers)
        assert {shard_of(customer, num_shards) for customer in customers} <= {shard}


@given(st.data())
@settings(max_examples=7)
def test_the_digest_is_free_of_the_order_of_rows_and_columns(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Rows and columns in another order, and another number of shards, give the same digest."""
    folder = tmp_path_factory.mktemp("order")
    first = {name: _only_whole_rows(file) for name, file in data.draw(drawn.data()).items()}
    second = {name: data.draw(drawn.shuffled(file)) for name, file in first.items()}
    results = [
        _result(folder, name, files, num_shards=data.draw(st.integers(1, 9)))
        for name, files in (("first", first), ("second", second))
    ]
    assert results[0] == results[1]


def test_resharding_changes_where_customers_are_and_nothing_else(tmp_path: Path) -> None:
    """Over 10 and over 100 shards, profiles and counts are the same, and each old shard is split into its ten."""
    generate(tmp_path / "data", customers=2_000, seed=3, as_of=date(2026, 1, 31), dirt=Dirt(0.1, 0.1, 0.1, 0.1, 0.1))
    coarse, fine = (
        merge(tmp_path / "data", tmp_path / "store", run_id=f"r{shards}", num_shards=shards, max_rejects="100%")
        for shards in (10, 100)
    )
    assert coarse.profiles == fine.profiles
    assert _of_the_data(coarse.result) == _of_the_data(fine.result)
    for shard, customers in enumerate(coarse.customers_by_shard):
        assert sorted(chain.from_iterable(fine.customers_by_shard[shard::10])) == customers


@given(drawn.data())
@settings(max_examples=5)
def test_a_second_run_gives_the_same_bytes(tmp_path_factory: pytest.TempPathFactory, data: drawn.Data) -> None:
    """Two runs in two empty stores publish byte-equal files."""
    folder = tmp_path_factory.mktemp("again")
    drawn.write(folder / "data", data)
    once, again = (merge(folder / "data", folder / store, max_rejects="100%") for store in ("one", "two"))
    assert once.parts == again.parts


@given(drawn.jobs())
def test_a_job_survives_its_json(job: Job) -> None:
    """A job is the same after a trip through JSON text."""
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(drawn.jobs(), st.sampled_from(sorted(Job("r", "d", "s").to_json())), json_values)
def test_a_job_with_any_value_in_a_field_is_read_or_refused(job: Job, field: str, value: Any) -> None:
    """Whatever JSON value a field has, the job is accepted as it is or refused with a TerminalError."""
    changed = job.to_json() | {field: value}
    with suppress(TerminalError):
        assert Job.from_json(changed).to_json() == changed


@given(st.lists(digests, max_size=6), st.data())
def test_digests_add_up_in_any_order_and_grouping(parts: list[Digest], data: st.DataObject) -> None:
    """The digest of all shards does not depend on their order or on how they are grouped."""
    shuffled = data.draw(st.permutations(parts))
    cut = data.draw(st.integers(0, len(parts)))
    assert Digest.sum(parts) == Digest.sum([Digest.sum(shuffled[:cut]), Digest.sum(shuffled[cut:])])


@given(digests, st.integers(1, 99))
def test_a_digest_survives_its_text(digest: Digest, version: int) -> None:
    """A printed digest reads back as the same."""
    assert Digest.parse(digest.text(version)) == digest


def _result(folder: Path, name: str, data: drawn.Data, num_shards: int) -> dict[str, Any]:
    drawn.write(folder / name, data)
    merged = merge(folder / name, folder / f"{name}-store", num_shards=num_shards, max_rejects="100%")
    return _of_the_data(merged.result)


def _of_the_data(result: dict[str, Any]) -> dict[str, Any]:
    """The parts of a result that must not depend on the run."""
    own = {"run_id", "output", "shard_timings", "shards_processed"}
    return {key: value for key, value in result.items() if key not in own}


def _only_whole_rows(file: drawn.File) -> drawn.File:
    return drawn.File(file.header, [record for record in file.records if len(record) == len(file.header)])
