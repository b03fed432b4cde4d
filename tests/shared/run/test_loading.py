"""Pipelines by reference: what may be imported, and the errors for those that cannot be used."""

from __future__ import annotations

import os
import sys
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from shared.run import steps
from shared.run.errors import TerminalError
from shared.run.job import CUSTOMERS
from shared.run.loading import allow, allowed_pipelines, load_pipeline, resolve
from tests.shared import small
from tests.shared.runs import new_job

if TYPE_CHECKING:
    from pathlib import Path

SMALL = "tests.shared.small:pipeline"
numbers = count(1)  # of modules: each is imported once

GOOD = """
class Pipeline:
    name, version = "good", 1
    def process_shard(self, context, shard_id, path): ...
    def aggregate(self, context, shards): ...
pipeline = Pipeline()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules can be imported, by this process and those it starts."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def written(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch, attribute: str = "pipeline") -> tuple[str, Path]:
    """The reference of a new module with a text, which may be imported, and its file."""
    path = folder / f"written_{next(numbers)}.py"
    path.write_text(text)
    reference = f"{path.stem}:{attribute}"
    small.allow(monkeypatch, reference)
    return reference, path


def refusal(reference: str) -> str:
    """The error for a pipeline that cannot be used."""
    with pytest.raises(TerminalError) as caught:
        load_pipeline(reference)
    return str(caught.value)


def test_the_customer_merge_is_always_allowed() -> None:
    """It needs no setting."""
    assert allowed_pipelines() == [CUSTOMERS]
    assert load_pipeline(CUSTOMERS).name == "customers"


def test_others_are_allowed_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list with commas, blanks around names do not matter."""
    monkeypatch.setenv("SHARDWISE_PIPELINES", f" a.b:c , {SMALL},")
    assert allowed_pipelines() == [CUSTOMERS, "a.b:c", SMALL]
    assert load_pipeline(SMALL).process_shard == small.pipeline.process_shard


def test_what_is_not_allowed_is_not_imported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job can name any module; only the environment of the worker decides whether it is ever imported."""
    reference, path = written(folder, f"open({str(folder / 'imported')!r}, 'w').close()\n{GOOD}", monkeypatch)
    monkeypatch.delenv("SHARDWISE_PIPELINES")
    job = new_job(folder, folder / "store", pipeline=reference)
    told = (
        rf"^the pipeline '{reference}' is not one that this worker may import; allowed are {CUSTOMERS} \(set SHARDWISE"
    )
    with pytest.raises(TerminalError, match=told):
        steps.open_run(job)
    assert path.stem not in sys.modules
    assert not (folder / "imported").exists()
    small.allow(monkeypatch, reference)
    assert load_pipeline(reference).name == "good"
    assert (folder / "imported").exists()


def test_the_object_beside_an_allowed_one_is_not_allowed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """References are compared as a whole."""
    reference, path = written(folder, GOOD, monkeypatch)
    assert "is not one that this worker may import" in refusal(f"{path.stem}:Pipeline")
    assert "is not one that this worker may import" in refusal(f"{reference}.name")


def test_a_person_at_a_command_allows_what_they_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also in the processes started from there, beside what was allowed before; each folder is searched once."""
    monkeypatch.setenv("SHARDWISE_PIPELINES", "a:b")
    monkeypatch.setenv("SHARDWISE_PIPELINE_PATH", "/elsewhere")
    allow(SMALL, tmp_path)
    allow(SMALL, tmp_path)
    assert os.environ["SHARDWISE_PIPELINES"] == f"a:b,{SMALL}"
    assert os.environ["SHARDWISE_PIPELINE_PATH"] == f"/elsewhere:{tmp_path}"
    allow(CUSTOMERS, tmp_path)
    assert allowed_pipelines() == [CUSTOMERS, "a:b", SMALL]


@pytest.mark.parametrize("reference", ["clicks.py", "clicks:", ":pipeline", "my team:p", "../clicks", "a:b:c", "a:1"])
def test_what_is_no_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reference: str) -> None:
    """A module, or a module and an object in it with a colon: as an option and in the environment."""
    with pytest.raises(TerminalError) as caught:
        allow(reference, tmp_path)
    assert (
        str(caught.value)
        == f"the pipeline is {reference!r}; it must be like my_team.clicks, or my_team.clicks:pipeline"
    )
    small.allow(monkeypatch, reference)
    assert refusal(SMALL).startswith(f"SHARDWISE_PIPELINES is {reference!r}; it must be pipelines like ")


def test_a_module_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says where modules are looked for."""
    small.allow(monkeypatch, "no_such.thing:pipeline")
    assert refusal("no_such.thing:pipeline") == (
        "the pipeline no_such.thing:pipeline: there is no module no_such; put its folder on PYTHONPATH, or install it"
    )


@pytest.mark.parametrize(
    ("text", "line", "error"),
    [
        ("\n\nint('x')\n", 3, "ValueError: invalid literal for int"),
        ("import json\njson.loads('{')\n", 2, "JSONDecodeError: Expecting property name"),
        ("import no_such_library\n", 1, "ModuleNotFoundError: No module named 'no_such_library'"),
        ("from os import no_such_name\n", 1, "ImportError: cannot import name 'no_such_name'"),
        ("x = 1\ny = = 2\n", 2, "SyntaxError: invalid syntax"),
        ("import sys\n\n\nsys.exit(3)\n", 4, "SystemExit: 3"),
    ],
)
def test_a_module_that_cannot_be_imported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int, error: str
) -> None:
    """The message has the error, and the file and line of the team's own code that raised it."""
    reference, path = written(folder, text, monkeypatch)
    told = refusal(reference)
    assert told.startswith(f"the pipeline {reference} cannot be imported: {error}")
    assert told.endswith(f"({path}, line {line})")


def test_a_helper_of_the_module_that_raises(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the helper's line that is named."""
    _, helper = written(folder, "\n1 / 0\n", monkeypatch)
    reference, _ = written(folder, f"import {helper.stem}\n", monkeypatch)
    assert refusal(reference).endswith(f"ZeroDivisionError: division by zero ({helper}, line 2)")


def test_an_object_that_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the module, its file and the object."""
    reference, path = written(folder, GOOD, monkeypatch, attribute="nothing")
    assert refusal(reference) == f"the pipeline {reference}: {path.stem} ({path}) has no nothing"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pipeline = object()", "lacks process_shard, aggregate; see shared/run/pipeline.py"),
        (GOOD.replace("process_shard", "shard"), "lacks process_shard; see shared/run/pipeline.py"),
        (GOOD.replace('"good"', '"a/b"'), "has the name 'a/b'; it must be letters, digits and '-', at most 40"),
        (GOOD.replace('"good"', '""'), "has the name ''; it must be letters"),
        (GOOD.replace('"good"', "7"), "has the name 7; it must be letters"),
        (GOOD.replace('"good"', f'"{"a" * 41}"'), f"has the name '{'a' * 41}'; it must be letters"),
        (GOOD.replace(", 1", ", 0"), "has the version 0; it must be a number from 1"),
        (GOOD.replace(", 1", ", '1'"), "has the version '1'; it must be a number from 1"),
        (GOOD.replace(", 1", ", True"), "has the version True; it must be a number from 1"),
        (GOOD.replace("Pipeline()", "Pipeline"), "is a class; name an object of it, such as Pipeline()"),
        (f"{GOOD}\npipeline.stage = 'files'", "has the stage 'files'; it must be a function"),
        (f"{GOOD}\npipeline.suffix = 1", "has the suffix 1; it must be a text like '.json'"),
        (f"{GOOD}\npipeline.preload = 'pandas'", "has the preload 'pandas'; it must be a tuple of modules' names"),
    ],
)
def test_an_object_that_is_no_pipeline(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str) -> None:
    """The message names what is missing or wrong, and what is allowed."""
    reference, _ = written(folder, text, monkeypatch)
    assert refusal(reference).startswith(f"the pipeline {reference} {told}")


TWO_FUNCTIONS = """
def process_shard(context, shard_id, path): ...
def aggregate(context, shards): ...
"""


def test_a_module_with_two_functions_is_a_pipeline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called as the module, its version is 1, and it has nothing else."""
    reference, path = written(folder, TWO_FUNCTIONS, monkeypatch)
    module = reference.partition(":")[0]
    small.allow(monkeypatch, module)
    loaded = load_pipeline(module)
    assert (loaded.name, loaded.version, loaded.suffix, loaded.output) == (path.stem.replace("_", "-"), 1, "", "output")
    assert loaded.process_shard.__name__ == "process_shard"
    assert {loaded.stage, loaded.records, loaded.verify, loaded.parameters} == {None}


def test_an_object_with_two_methods_is_called_as_its_module() -> None:
    """In a package, by the last part of the module's name; what it says itself wins."""
    loaded = resolve("my_team.page_views:pipeline", SimpleNamespace(process_shard=print, aggregate=print))
    assert (loaded.name, loaded.version) == ("page-views", 1)
    own = SimpleNamespace(process_shard=print, aggregate=print, name="own", version=3)
    assert (resolve("my_team.page_views", own).name, resolve("my_team.page_views", own).version) == ("own", 3)


def test_preloading_leaves_out_what_cannot_be_imported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step that needs it says why; a worker of other pipelines starts all the same."""
    broken, _ = written(folder, "1 / 0", monkeypatch)
    good, path = written(folder, GOOD.replace("name,", "preload = ('colorsys',)\n    name,"), monkeypatch)
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    small.allow(monkeypatch, broken, good)
    steps.preload()
    assert path.stem in sys.modules
    assert "colorsys" in sys.modules
