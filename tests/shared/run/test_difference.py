"""Where two finished runs differ."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from flows.local import run_job
from shared.run.difference import ABSENT, Difference, differing_shards, first_differences
from shared.run.new_job import make_job
from shared.run.policy import shard_policy
from shared.run.run import Run
from shared.run.settings import SAMPLE_DATA

if TYPE_CHECKING:
    from pathlib import Path


def merged(folder: Path, data: Path) -> Run:
    """A finished run of a data folder in three shards."""
    job = make_job(run_id="run", data_url=str(data), store_url=str(folder), num_shards=3)
    run_job(job, 1, shard_policy())
    return Run.of(job)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The committed sample, merged."""
    return merged(tmp_path_factory.mktemp("sample"), SAMPLE_DATA)


def edited(folder: Path, source: str, old: str, new: str) -> Run:
    """The sample with one text of one source replaced, merged."""
    data = folder / "data"
    shutil.copytree(SAMPLE_DATA, data)
    text = (data / source).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (data / source).write_text(text.replace(old, new), encoding="utf-8")
    return merged(folder / "store", data)


def test_equal_runs_have_no_differences(sample: Run, tmp_path: Path) -> None:
    """Two runs over the same data agree on every shard."""
    again = merged(tmp_path, SAMPLE_DATA)
    assert differing_shards(sample, again) == []
    assert first_differences(sample, again, limit=5) == []


def test_a_changed_cell_is_named(sample: Run, tmp_path: Path) -> None:
    """One cell differs: the result has its customer, its column and both values."""
    other = edited(tmp_path, "crm.csv", "contact7@customer.example", "other@customer.example")
    assert first_differences(sample, other, limit=5) == [
        Difference("cust_00000007", "email", "contact7@customer.example", "other@customer.example")
    ]
    assert len(differing_shards(sample, other)) == 1


def test_a_blank_cell_differs_from_a_filled_one(sample: Run, tmp_path: Path) -> None:
    """A value on one side only is a difference."""
    other = edited(tmp_path, "crm.csv", "contact7@customer.example", "")
    (found,) = first_differences(sample, other, limit=5)
    assert (found.key, found.field, found.right) == ("cust_00000007", "email", "billing7@customer.example")


def test_a_customer_on_one_side_only_is_named(sample: Run, tmp_path: Path) -> None:
    """A new customer has a profile on one side and none on the other."""
    other = edited(tmp_path, "crm.csv", "cust_00000007,", "cust_99999999,")
    found = first_differences(sample, other, limit=50)
    assert Difference("cust_99999999", "record", ABSENT, "a record") in found


def test_no_more_than_the_limit_is_told(sample: Run, tmp_path: Path) -> None:
    """The list stops at the limit."""
    other = edited(tmp_path, "crm.csv", "cust_00000007,", "cust_99999999,")
    assert len(first_differences(sample, other, limit=1)) == 1
