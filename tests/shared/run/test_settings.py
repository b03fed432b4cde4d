"""Settings: what a process reads from its environment, and what it refuses by the variable's name."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

import flows
import shared
from shared.run.errors import TerminalError
from shared.run.job import CUSTOMERS
from shared.run.loading import load_pipeline
from shared.run.new_job import make_job
from shared.run.parameters import complete
from shared.run.pipeline import LoadedPipeline, setting
from shared.run.settings import Settings, Variable, variable_of
from tests.command import shardwise

PACKAGES = [Path(package.__file__).parent for package in (shared, flows) if package.__file__]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests, nor theirs."""
    for each in fields(Settings):
        variable: Variable = each.metadata["variable"]
        monkeypatch.delenv(variable.name, raising=False)
        monkeypatch.delenv(variable.older or variable.name, raising=False)


def test_without_variables_there_are_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable counts as not set."""
    monkeypatch.setenv("SHARDWISE_WORKERS", "")
    assert Settings.read() == Settings()
    assert (Settings().num_shards, Settings().max_retries, Settings().shard_timeout) == (10, 3, 600)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("data_url", "s3://bucket/data", "s3://bucket/data"),
        ("num_shards", "1000", 1000),
        ("pipelines", "a.b:c, d:e,", ("a.b:c", "d:e")),
        ("redact", "Yes", True),
        ("max_retries", "0", 0),
        ("first_wait", "0", 0.0),
        ("wait_scale", "1e-3", 0.001),
        ("shard_timeout", "0.5", 0.5),
        ("workers", "3", 3),
        ("isolation", "none", "none"),
        ("runner", "dask", "dask"),
        ("allow_faults", "true", True),
    ],
)
def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    """Its text becomes a value of the field's kind."""
    monkeypatch.setenv(variable_of(name), text)
    assert getattr(Settings.read(), name) == value


@pytest.mark.parametrize(
    ("variable", "text", "wanted"),
    [
        ("SHARDWISE_DATA_URL", " ", "a text"),
        ("SHARDWISE_NUM_SHARDS", "0", "a whole number from 1 to 10,000"),
        ("NUM_SHARDS", "10001", "a whole number from 1 to 10,000"),
        ("SHARDWISE_PIPELINES", "my_team.clicks:,a", "pipelines like my_team.clicks, separated by commas"),
        ("SHARDWISE_REDACT", "on", "true or false"),
        ("SHARDWISE_MAX_RETRIES", "-1", "a whole number from 0"),
        ("SHARDWISE_MAX_RETRIES", "2.5", "a whole number from 0"),
        ("SHARDWISE_FIRST_WAIT", "nan", "a number from 0"),
        ("SHARDWISE_WAIT_SCALE", "x", "a number from 0"),
        ("SHARDWISE_WAIT_FACTOR", "-1", "a number from 0"),
        ("SHARDWISE_SHARD_TIMEOUT", "0", "a number above 0"),
        ("SHARDWISE_SHARD_TIMEOUT", "inf", "a number above 0"),
        ("SHARDWISE_WORKERS", "zwei", "a whole number from 1"),
        ("SHARDWISE_WORKERS", "0", "a whole number from 1"),
        ("SHARDWISE_WORKERS", "-3", "a whole number from 1"),
        ("SHARDWISE_ISOLATION", "thread", "one of process, none"),
        ("SHARDWISE_RUNNER", "ray", "one of threads, processes, dask"),
        ("SHARDWISE_ALLOW_FAULTS", "maybe", "true or false"),
    ],
)
def test_a_text_that_fits_no_setting_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, wanted: str
) -> None:
    """The message names the variable, its text and what it must be."""
    monkeypatch.setenv(variable, text)
    with pytest.raises(TerminalError) as caught:
        Settings.read()
    assert str(caught.value) == f"{variable} is {text!r}; it must be {wanted}"


def test_the_newer_name_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tutorial's name counts where the other is not set, and is not looked at where it is."""
    monkeypatch.setenv("NUM_SHARDS", "7")
    assert Settings.read().num_shards == 7
    monkeypatch.setenv("NUM_SHARDS", "seven")
    monkeypatch.setenv("SHARDWISE_NUM_SHARDS", "3")
    assert Settings.read().num_shards == 3


@dataclass(frozen=True)
class Limits:
    """Parameters that variables of a team's own can set."""

    limit: int = setting(5, "MY_TEAMS_LIMIT")


def test_a_parameters_variable_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says of a pipeline's parameter is refused by the variable's name, unless it is overruled."""
    own = LoadedPipeline("own", 1, lambda *_: {}, lambda *_: {}, Limits)
    monkeypatch.setenv("MY_TEAMS_LIMIT", "12")
    assert complete(own, {}) == {"limit": 12}
    monkeypatch.setenv("MY_TEAMS_LIMIT", "many")
    with pytest.raises(TerminalError, match=r"^MY_TEAMS_LIMIT is 'many': limit is 'many'; it must be a whole number$"):
        complete(own, {})
    assert complete(own, {"limit": 3}) == {"limit": 3}
    monkeypatch.setenv("SHARDWISE_MAX_REJECTS", "ten")
    with pytest.raises(TerminalError, match=r"^SHARDWISE_MAX_REJECTS is 'ten': max_rejects "):
        complete(load_pipeline(CUSTOMERS), {})


def test_a_job_takes_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data, store, shards and the merge's parameters, where nobody gives others."""
    monkeypatch.setenv("SHARDWISE_STORE_URL", "/tmp/a/store")  # noqa: S108 — nothing is written
    monkeypatch.setenv("SHARDWISE_MAX_REJECTS", "0.5%")
    monkeypatch.setenv("SHARDWISE_REDACT", "true")
    job = make_job(num_shards=2)
    assert (job.store_url, job.num_shards) == ("/tmp/a/store", 2)  # noqa: S108
    assert job.parameters == {"max_rejects": "0.5%", "redact": True}


def reads(tree: ast.AST) -> set[str]:
    """Our variables that code reads from the environment directly."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and re.search("environ|getenv", ast.unparse(node.func)):
            found |= set(node.args[:1])
        elif (
            isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and "environ" in ast.unparse(node.value)
        ):
            found.add(node.slice)
    names = {str(each.value) for each in found if isinstance(each, ast.Constant)}
    return {name for name in names if name.startswith("SHARDWISE_")}


def test_no_other_file_reads_a_variable_of_ours() -> None:
    """All of them are in one class, so none is without a check, a description and a row in the README."""
    files = [path for package in PACKAGES for path in package.rglob("*.py")]
    assert {str(path): found for path in files if (found := reads(ast.parse(path.read_text())))} == {}
    assert reads(ast.parse("import os\nos.environ.get('SHARDWISE_A')\nos.environ['SHARDWISE_B']")) == {
        "SHARDWISE_A",
        "SHARDWISE_B",
    }


@pytest.mark.parametrize(
    ("variable", "text"),
    [("SHARDWISE_WORKERS", "zwei"), ("SHARDWISE_SHARD_TIMEOUT", "0"), ("SHARDWISE_MAX_RETRIES", "-1")],
)
@pytest.mark.parametrize("command", [["run", "--engine", "local"], ["runs"]])
def test_a_command_refuses_it_in_a_sentence(command: list[str], variable: str, text: str, tmp_path: Path) -> None:
    """No command ends in a traceback: exit 2, one line, the variable's name."""
    done = shardwise(*command, cwd=tmp_path, **{variable: text})
    assert done.returncode == 2
    assert done.stderr.startswith(f"shardwise: {variable} is '{text}'; it must be ")
    assert done.stderr.count("\n") == 1
