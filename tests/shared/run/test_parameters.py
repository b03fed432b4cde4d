"""The parameters of a job: by name, of their kind, and which of them a resumed run must have again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.run import steps
from shared.run.errors import TerminalError
from shared.run.loading import resolve
from shared.run.new_job import make_job
from shared.run.parameters import complete, identity, parse, read_options
from shared.run.pipeline import LoadedPipeline
from tests.shared import small
from tests.shared.small import Parameters, allow, small_job

if TYPE_CHECKING:
    from pathlib import Path

    from tests.shared.runs import Json

pipeline = resolve("tests.shared.small:pipeline", small.pipeline)
bare = LoadedPipeline("bare", 1, lambda *_: {}, lambda *_: {})


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("text", 10, "10"),
        ("text", 0.5, "0.5"),
        ("text", True, "true"),
        ("text", "", ""),
        ("whole", "10", 10),
        ("whole", "-3", -3),
        ("whole", 10.0, 10),
        ("number", "0.25", 0.25),
        ("number", 3, 3.0),
        ("switch", "true", True),
        ("switch", "No", False),
        ("switch", 1, True),
        ("switch", False, False),
    ],
)
def test_a_value_becomes_its_parameters_kind(name: str, given: object, wanted: object) -> None:
    """Numbers that came as text and texts that came as numbers are taken: engines change one to the other."""
    value = getattr(parse(pipeline, {name: given}), name)
    assert (type(value), value) == (type(wanted), wanted)


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("whole", "many", "a whole number"),
        ("whole", "1.5", "a whole number"),
        ("whole", 1.5, "a whole number"),
        ("whole", True, "a whole number"),
        ("whole", None, "a whole number"),
        ("number", "", "a number"),
        ("number", "nan", "a number"),
        ("number", "inf", "a number"),
        ("number", "1" * 400, "a number"),
        ("number", False, "a number"),
        ("switch", "on", "true or false"),
        ("switch", 2, "true or false"),
        ("text", None, "a text"),
        ("text", ["a"], "a text"),
    ],
)
def test_a_value_of_another_kind_is_refused(name: str, given: object, wanted: str) -> None:
    """The message names the parameter, the value and what it must be; nothing is rounded or guessed."""
    with pytest.raises(TerminalError) as caught:
        parse(pipeline, {name: given})
    assert str(caught.value) == f"{name} is {given!r:.80}; it must be {wanted}"


def test_an_unknown_parameter_is_refused_with_the_known_ones() -> None:
    """The message has the pipeline's name and what it declares."""
    with pytest.raises(
        TerminalError, match=r"^the pipeline small has no parameter speed; it has text, whole, number, "
    ):
        parse(pipeline, {"speed": 1})
    assert parse(bare, {}) is None
    with pytest.raises(TerminalError, match=r"^the pipeline bare has no parameter speed; it has none$"):
        parse(bare, {"speed": 1})


def test_a_check_of_the_pipelines_own_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ValueError of ``__post_init__`` is the user's mistake, not a traceback."""
    with pytest.raises(TerminalError, match=r"^the parameters of the pipeline small are refused: a limit is never neg"):
        parse(pipeline, {"limit": -1})
    monkeypatch.setenv("SMALL_LIMIT", "-1")
    with pytest.raises(TerminalError, match="a limit is never negative"):
        complete(pipeline, {})


def test_what_is_not_given_comes_from_the_environment_then_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a parameter that declares a variable reads one, and what is given wins."""
    monkeypatch.setenv("SMALL_LIMIT", "7")
    monkeypatch.setenv("TEXT", "no")
    assert complete(pipeline, {}) == {"text": "a", "whole": 1, "number": 0.5, "switch": False, "limit": 7}
    assert complete(pipeline, {"limit": "8"})["limit"] == 8


def test_options_are_key_and_value() -> None:
    """A value may hold further equals signs and may be empty; what has no key or no sign is refused."""
    assert read_options(["a=1", "b=x=y", "c=", " d =z"]) == {"a": "1", "b": "x=y", "c": "", "d": "z"}
    for wrong in ("a", "=1", " =1", ""):
        with pytest.raises(TerminalError, match=f"^--param is '{wrong}'; it must be key=value$"):
            read_options([wrong])


def test_settings_are_no_part_of_a_runs_identity() -> None:
    """What decides over the data is, given or not, whatever form it came in."""
    fixed = {"text": "a", "whole": 1, "number": 0.5, "switch": False}
    assert identity(pipeline, {}) == identity(pipeline, {"limit": 9}) == fixed
    assert identity(pipeline, {"whole": "2"}) == fixed | {"whole": 2}


@dataclass(frozen=True)
class Unusable:
    """A parameter that no ``--param`` could give."""

    names: tuple[str, ...] = ()


def test_a_declaration_that_cannot_be_used_is_refused() -> None:
    """Parameters are fields of a dataclass with plain defaults."""
    wrong: Any = replace(bare, name="wrong", parameters={"a": 1})  # type: ignore[arg-type] # what no checker sees
    with pytest.raises(
        TerminalError, match=r"^the pipeline wrong: its parameters are {'a': 1}, which is not a dataclass$"
    ):
        parse(wrong, {})
    unusable = replace(bare, name="wrong", parameters=Unusable)
    with pytest.raises(
        TerminalError, match=r"^the pipeline wrong: the default of its parameter names must be a text, "
    ):
        parse(unusable, {})


def test_a_resumed_run_may_have_other_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit may change from start to start, and the same value in another form is the same value."""
    job = small_job(tmp_path, monkeypatch, {"whole": 2, "limit": 1})
    steps.open_run(job)
    for parameters in ({"whole": "2", "limit": 5}, {"whole": 2.0, "text": "a"}):
        steps.open_run(replace(job, parameters=parameters))


@pytest.mark.parametrize("changed", [{"whole": 3}, {"text": "b", "whole": 2}, {}])
def test_a_resumed_run_has_its_other_parameters_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: Json
) -> None:
    """The message names what the run was started with and what it has now."""
    job = small_job(tmp_path, monkeypatch, {"whole": 2})
    steps.open_run(job)
    with pytest.raises(TerminalError, match=r"^run r was started with parameters {.*2, .*} and now has {.*}; "):
        steps.open_run(replace(job, parameters=changed))


@pytest.mark.parametrize("parameters", [{"speed": 1}, {"whole": "many"}, {"limit": -1}])
def test_no_run_starts_with_parameters_that_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: Json
) -> None:
    """A job that came over a wire is checked before anything of it is written."""
    job = small_job(tmp_path, monkeypatch, parameters)
    with pytest.raises(TerminalError, match=r"no parameter speed|whole is 'many'|a limit is never negative"):
        steps.open_run(job)
    assert not list((tmp_path / "store").glob("runs/*"))


def test_a_job_has_all_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is made, what nobody gave is filled in, so that every worker has the same."""
    allow(monkeypatch, "tests.shared.small:pipeline")
    job = make_job(pipeline="tests.shared.small:pipeline", parameters={"whole": "4", "text": None})
    assert job.parameters == {"text": "a", "whole": 4, "number": 0.5, "switch": False, "limit": 0}
    assert Parameters(**json.loads(json.dumps(job.to_json()))["parameters"]).whole == 4
