"""The parameters of a job: what a pipeline declares, what was given, what the environment says."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from dataclasses import Field

    from shared.run.pipeline import Json, Pipeline

_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def read_options(options: Iterable[str]) -> Json:
    """``key=value`` texts as an object; a TerminalError names one that is none."""
    given = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key.strip():
            raise TerminalError(f"--param is {option!r:.80}; it must be key=value")
        given[key.strip()] = value
    return given


def complete(pipeline: Pipeline, given: Mapping[str, Any]) -> Json:
    """All parameters of a job: those given, else those of the environment, else the defaults.

    Raises:
        TerminalError: Naming a parameter that is unknown, or a value that does not fit it.
    """
    variables = {f.name: f.metadata.get("variable") for f in _declared(pipeline)}
    read = {name: os.environ[variable] for name, variable in variables.items() if variable and os.environ.get(variable)}
    values = parse(pipeline, {**read, **given})
    return {name: getattr(values, name) for name in variables}


def parse(pipeline: Pipeline, given: Mapping[str, Any]) -> Any:  # noqa: ANN401 — the pipeline's own type
    """An instance of the pipeline's ``parameters``, None where it declares none.

    Raises:
        TerminalError: Naming a parameter that is unknown, or a value that does not fit it.
    """
    declared = {f.name: f for f in _declared(pipeline)}
    if unknown := sorted(set(given) - set(declared)):
        raise TerminalError(
            f"the pipeline {pipeline.name} has no parameter {', '.join(unknown)}; "
            f"it has {', '.join(declared) or 'none'}"
        )
    if not declared:
        return None
    values = {name: _value(declared[name], value) for name, value in given.items()}
    return pipeline.parameters(**values)  # type: ignore[attr-defined]


def identity(pipeline: Pipeline, parameters: Mapping[str, Any]) -> Json:
    """The parameters that decide over the data: what a resumed run must have again."""
    settings = {f.name for f in _declared(pipeline) if f.metadata.get("setting")}
    return {name: value for name, value in parameters.items() if name not in settings}


def _declared(pipeline: Pipeline) -> tuple[Field[Any], ...]:
    declared = getattr(pipeline, "parameters", None)
    return () if declared is None else fields(declared)


def _value(declared: Field[Any], given: object) -> Any:  # noqa: ANN401 — str, int, float or bool
    """A value as its parameter's type, which its default has. Prefect makes numbers of texts like ``10``."""
    kind: type[Any] = type(declared.default)
    try:
        return _WORDS[str(given).lower()] if kind is bool else kind(given)
    except (KeyError, TypeError, ValueError) as error:
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "a text")
        raise TerminalError(f"{declared.name} is {given!r:.80}; it must be {wanted}") from error
