"""The rules for pipelines, and the errors if a pipeline breaks them."""

from __future__ import annotations

import json
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.run import steps
from shared.run.errors import TerminalError, TransientError
from shared.run.run import Run
from tests.shared.runs import finish, folder_of, published, read_json
from tests.shared.small import small_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.run.pipeline import Context
    from tests.shared.runs import Json

TOO_LARGE = 16 * 1024 + 1


def returning(value: object) -> Callable[..., object]:
    """A ``process_shard`` that writes its file and returns a value."""

    def process_shard(_: object, _context: Context, _shard_id: int, path: Path) -> object:
        path.write_text("x")
        return value

    return process_shard


def write_nothing(_: object, _context: Context, _shard_id: int, _path: Path) -> Json:
    """Forget the file."""
    return {}


def write_a_folder(_: object, _context: Context, _shard_id: int, path: Path) -> Json:
    """Take the path for a folder's."""
    path.mkdir()
    return {}


def write_a_link(_: object, _context: Context, _shard_id: int, path: Path) -> Json:
    """Leave the content elsewhere."""
    path.symlink_to(Path(__file__))
    return {}


def write_beside(_: object, _context: Context, _shard_id: int, path: Path) -> Json:
    """Write a second file."""
    path.write_text("x")
    (path.parent / "more.txt").write_text("y")
    return {}


BAD_SHARDS: list[tuple[Callable[..., Any], str]] = [
    (returning(None), "process_shard of the pipeline small must return a JSON object: it is of type NoneType"),
    (returning([1]), "process_shard of the pipeline small must return a JSON object: it is of type list"),
    (returning({"path": Path("/")}), "must return a JSON object: Object of type PosixPath is not JSON serializable"),
    (returning({"mean": math.nan}), "must return a JSON object: Out of range float values are not JSON compliant"),
    (returning({"deep": [{"max": math.inf}]}), "must return a JSON object: Out of range float values are not JSON"),
    (
        returning({"text": "x" * TOO_LARGE}),
        "shard-001: what process_shard of the pipeline small returns is larger than ",
    ),
    (
        write_nothing,
        "process_shard of the pipeline small wrote no file for shard-001; it must write the path it is giv",
    ),
    (write_a_folder, "wrote no file for shard-001"),
    (write_a_link, "wrote no file for shard-001"),
    (write_beside, "process_shard of the pipeline small wrote more.txt beside the path of shard-001; only that counts"),
]


@pytest.mark.parametrize(("process_shard", "message"), BAD_SHARDS)
def test_a_shard_that_breaks_the_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, process_shard: Callable[..., Any], message: str
) -> None:
    """It is an error that retrying cannot help and that names shard and pipeline; nothing counts or is left."""
    job = steps.open_run(small_job(tmp_path, monkeypatch, process_shard=process_shard))
    steps.stage(job)
    with pytest.raises(TerminalError) as caught:
        steps.process_shard(job, 1)
    assert message in str(caught.value)
    assert Run.of(job).committed() == set()
    assert published(job) == []
    assert not list((tmp_path / "store" / "tmp").iterdir())


def test_a_shard_too_large_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused is not left lying in the store, and as much as is allowed is committed."""
    process_shard = returning({"text": "x" * TOO_LARGE})
    job = steps.open_run(small_job(tmp_path, monkeypatch, process_shard=process_shard))
    with pytest.raises(TerminalError, match="larger than 16,384 bytes; write it into the shard's file instead"):
        steps.process_shard(job, 0)
    assert not list(folder_of(job).glob("parts/*"))
    small_job(tmp_path, monkeypatch, process_shard=returning({"text": "x" * (TOO_LARGE - 100)}))
    assert steps.process_shard(job, 0)["attempt"] == 2


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "aggregate of the pipeline small must return a JSON object: it is of type NoneType"),
        ({"mean": math.nan}, "aggregate of the pipeline small must return a JSON object: Out of range float"),
        ({"ids": {1}}, "must return a JSON object: Object of type set is not JSON serializable"),
        ({"digest": "v1:0:0"}, "aggregate of the pipeline small returns digest, which is in every result; use another"),
        ({"run_id": 1, "engine": 2}, "returns engine, run_id, which is in every result; use another name"),
    ],
)
def test_an_aggregation_that_breaks_the_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, returned: object, message: str
) -> None:
    """Nothing is published, not even the shards' files; corrected, the same run finishes."""
    job = steps.open_run(small_job(tmp_path, monkeypatch))
    for shard in range(3):
        steps.process_shard(job, shard)
    with monkeypatch.context() as broken:
        small_job(tmp_path, broken, aggregate=lambda *_: returned)
        with pytest.raises(TerminalError) as caught:
            steps.aggregate(job)
    assert message in str(caught.value)
    assert not (folder_of(job) / "output").exists()
    assert published(job) == []
    assert steps.aggregate(job)["shards"] == 3


@pytest.mark.parametrize(
    ("member", "returned", "message"),
    [
        ("stage", [], "stage of the pipeline small must return a JSON object: it is of type list"),
        ("stage", {"mean": math.nan}, "stage of the pipeline small must return a JSON object: Out of range"),
        ("accept", None, "accept of the pipeline small must return a JSON object: it is of type NoneType"),
    ],
)
def test_a_staging_that_breaks_the_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str, returned: object, message: str
) -> None:
    """The same for what comes before the shards; what was staged does not count."""
    members: dict[str, Any] = {member: lambda *_: returned}
    job = steps.open_run(small_job(tmp_path, monkeypatch, **members))
    with pytest.raises(TerminalError) as caught:
        steps.stage(job)
    assert message in str(caught.value)
    assert not list((tmp_path / "store").glob("staged/*/staged.json"))


def broken(*_: object) -> Json:
    """Divide by nothing."""
    return {"x": 1 // 0}


@pytest.mark.parametrize(("member", "step"), [("stage", "stage"), ("accept", "stage"), ("aggregate", "aggregate")])
def test_an_error_of_a_pipeline_outside_of_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str, step: str
) -> None:
    """It is reported like a shard's: the step and run, the error, file and line, and how to resume."""
    job = steps.open_run(small_job(tmp_path, monkeypatch, None, **{member: broken}))
    with pytest.raises(TransientError) as caught:  # noqa: PT012 — which step fails is the test's parameter
        steps.stage(job)
        finish(job)
    line = broken.__code__.co_firstlineno + 2
    assert str(caught.value) == (
        f"{step} of run r failed: ZeroDivisionError: integer division or modulo by zero ({__file__}, line {line})\n"
        "Run again with run_id r to resume."
    )


def test_a_result_is_what_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step returns is what it wrote, with keys as text and tuples as lists."""
    job = steps.open_run(small_job(tmp_path, monkeypatch, aggregate=lambda *_: {"by": {1: (2, 3)}}))
    for shard in range(3):
        assert steps.process_shard(job, shard)["facts"] == {"shard": shard}
    result = steps.aggregate(job)
    assert result["by"] == {"1": [2, 3]}
    assert result == read_json(folder_of(job) / "result.json") == json.loads(json.dumps(result))


def test_data_is_generated_once_for_starts_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs without data that start together work over the same generated files."""
    together = threading.Barrier(4)

    def generate(_: object, folder: Path, records: int, seed: int) -> None:
        together.wait(timeout=30)
        (folder / "made.txt").write_text(f"{records} {seed}")

    job = replace(small_job(tmp_path, monkeypatch, generate=generate), data_url="")
    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(lambda number: steps.open_run(replace(job, run_id=f"r{number}")), range(4)))
    (folder,) = {each.data_url for each in opened}
    assert [path.name for path in Path(folder).iterdir()] == ["made.txt"]
    assert len({Run.of(each).invocation.input_digest for each in opened}) == 1
