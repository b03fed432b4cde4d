"""One run described completely: what is refused before any work, and where a job's fields come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.faults.plan import Fault
from shared.run.errors import TerminalError
from shared.run.job import CUSTOMERS, Job
from shared.run.new_job import make_job, new_run_id
from shared.run.settings import SAMPLE_DATA
from shared.run.urls import absolute, is_local
from tests.shared import small

JOB: dict[str, Any] = {"run_id": "r", "data_url": "/data", "store_url": "/store"}


def fault(kind: object, step: str, *attempts: int) -> dict[str, Any]:
    """A fault as it comes in a job."""
    return {"kind": kind, "step": step, "attempts": list(attempts)}


REFUSED: list[tuple[str, Any, str]] = [
    ("num_shards", 0, "num_shards is 0; it must be a whole number from 1 to 10,000"),
    ("num_shards", -1, "num_shards is -1; it must be a whole number from 1 to 10,000"),
    ("num_shards", 10_001, "num_shards is 10001; it must be a whole number from 1 to 10,000"),
    ("num_shards", 2.0, "num_shards is 2.0; "),
    ("num_shards", "10", "num_shards is '10'; "),
    ("num_shards", True, "num_shards is True; "),
    ("num_shards", None, "num_shards is None; "),
    ("run_id", "", "run_id is ''; it must be letters, digits, '.', '_' and '-', at most 80, first a letter or digit"),
    ("run_id", "../r", "run_id is '../r'; "),
    ("run_id", ".r", "run_id is '.r'; "),
    ("run_id", "a/b", "run_id is 'a/b'; "),
    ("run_id", "a\n", r"run_id is 'a\n'; "),
    ("run_id", "é", "run_id is 'é'; "),
    ("run_id", "a" * 81, "run_id is 'aaaa"),
    ("data_url", " ", "data_url is ' '; it must be the folder of the data, a path or URL"),
    ("data_url", None, "data_url is None; it must be the folder of the data, a path or URL"),
    ("store_url", None, "store_url is None; it must be a folder, a path or URL"),
    ("store_url", " ", "store_url is ' '; it must be a folder, a path or URL"),
    ("pipeline", "", "pipeline is ''; it must be like my_team.clicks:pipeline"),
    ("parameters", [], "parameters is []; it must be an object of texts, numbers, true or false"),
    ("parameters", {"a": [1]}, "parameters is {'a': [1]}; it must be an object of texts, numbers, true or false"),
    ("parameters", {"a": None}, "parameters is {'a': None}; "),
    ("engine", 1, "engine is 1; it must be the name of an engine"),
    ("invocation", -1, "invocation is -1; it must be a whole number from 0"),
    ("faults", None, "faults is None; it must be a list of faults"),
    (
        "faults",
        [{"kind": "kill"}],
        'a fault is {\'kind\': \'kill\'}; it must be like {"kind": "kill", "step": "shard-003"',
    ),
    ("faults", [fault("flood", "stage", 1)], "a fault's kind is 'flood'; known are exception, "),
    ("faults", [fault([], "stage", 1)], "'kind': []"),
    (
        "faults",
        [fault("kill", "shard-099", 1)],
        "a fault's step is 'shard-099'; it must be stage, shard-000 to shard-009, or ",
    ),
    (
        "faults",
        [fault("kill", "shard-9", 1)],
        "a fault's step is 'shard-9'; it must be stage, shard-000 to shard-009, or aggr",
    ),
    ("faults", [fault("kill", "aggregation", 1)], "a fault's step is 'aggregation'; it must be stage, shard-000 to "),
    ("faults", [fault("kill", "stage")], "a fault's attempts are []; they must be one or more, from 1"),
    ("faults", [fault("kill", "stage", 0)], "a fault's attempts are [0]; they must be one or more, from 1"),
    ("faults", [fault("kill", "stage") | {"attempts": [True]}], "'attempts': [True]"),
    ("shards", 10, "a job has the unknown field shards; known are run_id, data_url, store_url, num_shards, pipeline, "),
    (
        "max_rejects",
        "10",
        "a job has the unknown field max_rejects; known are run_id, data_url, store_url, num_shards, ",
    ),
]


@pytest.mark.parametrize(("field", "value", "message"), REFUSED)
def test_a_job_that_cannot_run_is_refused(field: str, value: Any, message: str) -> None:
    """The message names the field, the value and what is allowed."""
    with pytest.raises(TerminalError) as caught:
        Job.from_json(JOB | {field: value})
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [None, [], "r", 3])
def test_what_is_no_object_is_no_job(value: object) -> None:
    """Anything but a JSON object is refused by its value."""
    with pytest.raises(TerminalError, match="it must be a JSON object with run_id, data_url, store_url"):
        Job.from_json(value)


@pytest.mark.parametrize("field", JOB)
def test_a_job_names_its_run_data_and_store(field: str) -> None:
    """These three have no default on the wire."""
    with pytest.raises(TerminalError, match=f"a job lacks {field}"):
        Job.from_json({name: value for name, value in JOB.items() if name != field})


@pytest.mark.parametrize("num_shards", [1, 10_000])
def test_the_bounds_are_inclusive(num_shards: int) -> None:
    """One shard and a thousand are fine."""
    assert Job.from_json(JOB | {"num_shards": num_shards}).num_shards == num_shards


@pytest.mark.parametrize("shard_id", [-1, 3, 1.0, "1", True, None])
def test_a_shard_that_the_job_has_not(shard_id: object) -> None:
    """A shard id is a whole number below the number of shards; another is named with the range."""
    with pytest.raises(TerminalError, match=f"^shard_id is {shard_id!r}; it must be a whole number from 0 to 2$"):
        Job(**JOB, num_shards=3).check_shard(shard_id)


def test_json_has_every_field_and_nothing_else() -> None:
    """The wire form is fixed: engines and scripts rely on it."""
    assert Job(**JOB, faults=(Fault("kill", "shard-002", (1, 2)),)).to_json() == {
        "run_id": "r",
        "data_url": "/data",
        "store_url": "/store",
        "num_shards": 10,
        "pipeline": CUSTOMERS,
        "parameters": {},
        "engine": "local",
        "invocation": 0,
        "faults": [{"kind": "kill", "step": "shard-002", "attempts": [1, 2]}],
    }


def test_opening_changes_the_invocation_alone() -> None:
    """An opened job is the same job as one start of it."""
    job = Job(**JOB, num_shards=7, parameters={"redact": True})
    assert job.opened(3).to_json() == job.to_json() | {"invocation": 3}


def test_defaults_without_any_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing given and nothing set, a job merges the committed sample over ten shards into the current folder."""
    monkeypatch.chdir(tmp_path)
    job = make_job(run_id="r")
    assert job == Job(
        "r", str(SAMPLE_DATA), str(tmp_path / ".shardwise"), 10, parameters={"max_rejects": "0", "redact": False}
    )
    assert (SAMPLE_DATA / "crm.csv").is_file()


def test_a_deployed_run_takes_no_sample_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the sample, a merge needs named data; an own pipeline may generate its data."""
    with pytest.raises(TerminalError, match=r"^no data is set.* set SHARDWISE_DATA_URL"):
        make_job(sample=False)
    assert make_job(sample=False, data_url="/given").data_url == "/given"
    small.allow(monkeypatch, "tests.shared.small:pipeline")
    assert make_job(sample=False, pipeline="tests.shared.small:pipeline").data_url == ""
    monkeypatch.setenv("SHARDWISE_DATA_URL", "sample_data")
    assert make_job(sample=False).data_url == str(Path("sample_data").resolve())


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each SHARDWISE_ variable sets its field."""
    for name, value in {
        "DATA_URL": "/d",
        "STORE_URL": "s3://bucket/store/",
        "NUM_SHARDS": "7",
        "MAX_REJECTS": "1%",
        "REDACT": "1",
    }.items():
        monkeypatch.setenv(f"SHARDWISE_{name}", value)
    job = make_job(run_id="r")
    assert job == Job("r", "/d", "s3://bucket/store", 7, parameters={"max_rejects": "1%", "redact": True})


def test_the_tutorials_names_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """DATA_DIR and NUM_SHARDS work, our names come first, an empty one counts as not set, an option beats all."""
    monkeypatch.setenv("DATA_DIR", "/tutorial")
    monkeypatch.setenv("NUM_SHARDS", "3")
    assert (make_job().data_url, make_job().num_shards) == ("/tutorial", 3)
    monkeypatch.setenv("SHARDWISE_NUM_SHARDS", "")
    assert make_job().num_shards == 3
    monkeypatch.setenv("SHARDWISE_NUM_SHARDS", "4")
    assert make_job().num_shards == 4
    assert make_job(num_shards=5).num_shards == 5


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("x", "/here/x"),
        ("file:///a/b/", "/a/b"),
        ("/a/../b", "/b"),
        ("s3://b/p/", "s3://b/p"),
        ("memory://x", "memory://x"),
    ],
)
def test_local_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, wanted: str) -> None:
    """A path is made absolute where the job is made; a URL stays as it is."""
    monkeypatch.chdir(tmp_path)
    assert absolute(given) == wanted.replace("/here", str(tmp_path))
    assert is_local(absolute(given)) is ("://" not in wanted)


def test_run_ids_are_fresh_and_fit() -> None:
    """A new id is one a job takes, and no two are the same."""
    ids = {new_run_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(Job(**(JOB | {"run_id": run_id})) for run_id in ids)


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde means the home folder, as in a shell."""
    monkeypatch.setenv("HOME", "/home/someone")
    assert absolute("~/data") == str(Path("/home/someone/data"))
