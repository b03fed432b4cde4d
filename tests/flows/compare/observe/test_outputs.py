"""What a run leaves is compared with an undisturbed run: files, digests, records, result, answer, and ``verify``."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet

from flows.compare.observe.outputs import published
from flows.compare.observe.results import told_by
from flows.compare.observe.verifying import Verified
from flows.local import run_job
from shared.run.job import Job
from shared.run.policy import shard_policy
from shared.run.run import Run
from shared.run.settings import SAMPLE_DATA
from shared.run.store import open_store
from shared.state.varying import find_varying

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
SHARDS = 4


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An undisturbed run over the sample."""
    job = Job("reference", str(SAMPLE_DATA), str(tmp_path_factory.mktemp("outputs") / "store"), SHARDS)
    run_job(job, 1, shard_policy())
    return Run(job, open_store(job.store_url))


@pytest.fixture
def run(reference: Run, tmp_path: Path) -> Run:
    """The same in a store of its own, to be tampered with."""
    return copied(reference, tmp_path / "store")


@pytest.fixture
def other(reference: Run, tmp_path: Path) -> Run:
    """One more, to compare with."""
    return copied(reference, tmp_path / "other")


def copied(run: Run, store: Path) -> Run:
    """A run in a copy of its store."""
    shutil.copytree(run.store.url, store)
    job = replace(run.job, store_url=str(store))
    return Run(job, open_store(job.store_url))


def rewritten(run: Run, change: Callable[[Json], None]) -> None:
    """The run's result, changed."""
    result = run.result()
    assert result is not None
    change(result)
    run.publish_result(result)


def published_file(run: Run, shard: int) -> Path:
    """A published file, a copy of its own."""
    path = Path(run.store.url) / run.output_name(shard)
    data = path.read_bytes()
    path.unlink()  # it may be a link to the part
    path.write_bytes(data)
    return path


def test_the_same_run_is_not_wrong(run: Run, reference: Run) -> None:
    """Nothing differs, and the answer may be the result."""
    output = published(run, reference, reference.result())
    assert (output.wrong, output.differences, output.records) == (False, [], 1_000)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"profiles_generated": 1_007}, "result: profiles_generated is 1007, expected 1000"),
        ({"digest": "v2:1000:0"}, "result: digest differs"),
        ({"statistics": {"avg_health_score": 0}}, "result: statistics.avg_health_score is 0, expected"),
    ],
)
def test_a_wrong_total_is_wrong_though_the_digest_is_right(run: Run, reference: Run, change: Json, said: str) -> None:
    """A correct digest with seven more profiles, or an average of 0, misleads readers of the result."""
    rewritten(run, lambda result: result.update(change))
    output = published(run, reference)
    assert output.wrong
    assert any(each.startswith(said) for each in output.differences), output.differences


def test_a_wrong_answer_is_wrong_though_the_store_is_right(run: Run, reference: Run) -> None:
    """The caller was given another digest than the store holds."""
    output = published(run, reference, (reference.result() or {}) | {"digest": "v2:1000:0"})
    assert (output.wrong, output.differences) == (True, ["answer: digest differs"])


def test_an_answer_without_a_result_is_wrong(run: Run, reference: Run) -> None:
    """The caller got a result that is not published."""
    (Path(run.store.url) / run.name("result.json")).unlink()
    output = published(run, reference, reference.result())
    assert (output.finished, output.differences) == (False, ["answer: no result is published"])


def test_a_published_file_that_is_gone_is_missing(run: Run, reference: Run) -> None:
    """With all its records, though its part and its manifest are there."""
    published_file(run, 1).unlink()
    output = published(run, reference)
    assert (output.missing > 200, output.first_difference) == (True, "shard-001 has no file")


def test_a_published_file_of_another_shard_is_stale_and_missing(run: Run, reference: Run) -> None:
    """Its records should not be there, and those that should are not."""
    published_file(run, 1).write_bytes(published_file(run, 2).read_bytes())
    output = published(run, reference)
    assert output.missing > 200
    assert output.stale > 200
    assert output.first_difference.startswith("shard-001 differs: the record")


def test_half_a_file_cannot_be_read(run: Run, reference: Run) -> None:
    """All records of it are missing."""
    path = published_file(run, 3)
    path.write_bytes(path.read_bytes()[:100])
    output = published(run, reference)
    assert output.first_difference.startswith("shard-003 cannot be read")
    assert output.missing > 200


def test_a_manifest_with_another_digest_is_wrong(run: Run, reference: Run) -> None:
    """The digest is recomputed from the file, and not believed."""
    path = Path(run.store.url) / run.name("manifests/shard-000.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"digest": f"v2:1:{0:032x}"}))
    output = published(run, reference)
    assert output.first_difference == "shard-000 has a manifest with another digest than its file"


def test_a_file_that_nobody_should_have_is_wrong(run: Run, reference: Run) -> None:
    """A reader of the folder with one glob also reads it."""
    path = published_file(run, 0)
    shutil.copy(path, path.with_name("shard-009.parquet"))
    assert published(run, reference).differences == ["the published folder has shard-009.parquet besides"]


def test_problems_outside_the_store_are_wrong(run: Run, reference: Run) -> None:
    """What the pipeline's own check names makes a completed run silently wrong."""
    output = published(run, reference, checked=Verified(("7 rows are twice",)))
    assert (output.wrong, output.differences) == (True, ["verify: 7 rows are twice"])


def beside(run: Run, content: str) -> None:
    """A file that a pipeline publishes beside its output."""
    with run.publishing("report.csv") as path:
        path.write_text(content)


def test_what_is_published_beside_the_output_is_compared(run: Run, other: Run) -> None:
    """By its rows; the sample's rejects are in the file that the merge publishes itself."""
    beside(other, "id,made_at\n1,7\n2,7\n")
    beside(run, "id,made_at\n1,7\n1,7\n2,7\n")
    assert published(run, other).differences == ["beside the output: report.csv: 1 duplicate row"]


def test_what_varies_is_left_out_value_by_value(run: Run, other: Run) -> None:
    """A time in one column hides neither the other columns nor the other values of the result."""
    beside(other, "id,made_at\n1,7\n2,7\n")
    beside(run, "id,made_at\n1,8\n2,8\n")
    rewritten(run, lambda result: result.update(made_at=8))
    varying = find_varying(told_by(other), told_by(run))
    assert list(map(str, varying)) == ["numbers in report.csv: made_at", "result: made_at"]
    assert not published(run, other, varying=varying).wrong
    beside(run, "id,made_at\n1,8\n3,8\n")
    rewritten(run, lambda result: result.update(profiles_generated=1_007))
    assert published(run, other, varying=varying).differences == [
        "result: profiles_generated is 1007, expected 1000",
        "beside the output: report.csv: 1 changed row",
    ]


def test_what_a_failed_run_left_in_its_output_folder_is_compared(run: Run, reference: Run) -> None:
    """A published file with other records misleads readers of the folder, although the run has no result."""
    Path(run.store.url, run.name("result.json")).unlink()
    published_file(run, 1).write_bytes(published_file(run, 2).read_bytes())
    output = published(run, reference)
    assert (output.finished, output.left, output.wrong) == (False, SHARDS, True)
    assert output.first_difference.startswith("shard-001 differs: the record")


def test_bytes_that_differ_while_records_are_equal_are_counted(run: Run, reference: Run) -> None:
    """They mislead no reader, and are reported."""
    path = published_file(run, 1)
    parquet.write_table(parquet.read_table(path), path, compression="gzip")
    output = published(run, reference)
    assert (output.wrong, output.other_bytes) == (False, 1)
