"""The parameters of a job: from the command, the environment, and the pipeline's defaults."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from shared.run.errors import TerminalError
from shared.run.settings import SWITCHES, read_variable, variable_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from dataclasses import Field

    from shared.run.pipeline import Json, LoadedPipeline


def read_options(options: Iterable[str]) -> Json:
    """Parse ``key=value`` texts to an object; a TerminalError names an invalid one."""
    given = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key.strip():
            raise TerminalError(f"--param is {option!r:.80}; it must be key=value")
        given[key.strip()] = value
    return given


def complete(pipeline: LoadedPipeline, given: Mapping[str, Any]) -> Json:
    """Return all parameters of a job: given values, else those of the environment, else the defaults.

    Raises:
        TerminalError: A parameter is unknown, or its value is invalid; the message names it.
    """
    names = [f.name for f in _declared(pipeline)]
    values = parse(pipeline, {**_from_environment(pipeline, given), **given})
    return {name: getattr(values, name) for name in names}


def _from_environment(pipeline: LoadedPipeline, given: Mapping[str, Any]) -> Json:
    """Return the parameters that were not given and whose variable is set."""
    variables = {f.name: f.metadata.get("variable") for f in _declared(pipeline) if f.name not in given}
    read = {name: text for name, variable in variables.items() if variable and (text := read_variable(variable))}
    for name, text in read.items():
        try:
            parse(pipeline, {name: text})
        except TerminalError as error:
            raise TerminalError(f"{variables[name]} is {text!r:.80}: {error}") from error
    return read


def parse(pipeline: LoadedPipeline, given: Mapping[str, Any]) -> Any:  # noqa: ANN401 — the pipeline's own type
    """Return an instance of the pipeline's ``parameters``; None if it declares none.

    Raises:
        TerminalError: A parameter is unknown, or its value is invalid; the message names it.
    """
    declared = {f.name: f for f in _declared(pipeline)}
    if unknown := sorted(set(given) - set(declared)):
        raise TerminalError(
            f"the pipeline {pipeline.name} has no parameter {', '.join(unknown)}; "
            f"it has {', '.join(declared) or 'none'}"
        )
    if pipeline.parameters is None:
        return None
    values = {name: _value(declared[name], value) for name, value in given.items()}
    try:
        return pipeline.parameters(**values)
    except ValueError as error:
        raise TerminalError(f"the parameters of the pipeline {pipeline.name} are refused: {error}") from error


def identity(pipeline: LoadedPipeline, given: Mapping[str, Any]) -> Json:
    """Return the parameters that affect the data, with defaults; a resumed run must have the same ones.

    Raises:
        TerminalError: As for ``parse``.
    """
    values = parse(pipeline, given)
    return {f.name: getattr(values, f.name) for f in _declared(pipeline) if not f.metadata.get("setting")}


def names_of(pipeline: LoadedPipeline, setting: str) -> list[str]:
    """Return the parameters of a pipeline that take their value from a setting, by its name in ``Settings``."""
    return [f.name for f in _declared(pipeline) if f.metadata.get("variable") == variable_of(setting)]


def _declared(pipeline: LoadedPipeline) -> tuple[Field[Any], ...]:
    """Return the fields of its dataclass; a TerminalError if it is none, or a field has an unsupported type."""
    if (declared := pipeline.parameters) is None:
        return ()
    if not is_dataclass(declared):
        raise TerminalError(
            f"the pipeline {pipeline.name}: its parameters are {declared!r:.80}, which is not a dataclass"
        )
    if other := [f.name for f in fields(declared) if type(f.default) not in _KINDS]:
        raise TerminalError(
            f"the pipeline {pipeline.name}: the default of its parameter {', '.join(other)} must be a text, a number, "
            "true or false"
        )
    return fields(declared)


def _value(declared: Field[Any], given: object) -> Any:  # noqa: ANN401 — str, int, float or bool
    """Convert a value to its parameter's type, which is the type of the default."""
    read, wanted = _KINDS[type(declared.default)]
    try:
        return read(given)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise TerminalError(f"{declared.name} is {given!r:.80}; it must be {wanted}") from error


def _text(given: Any) -> str:  # noqa: ANN401 — what JSON has
    """Return a text; values such as ``10`` or ``true`` may arrive as JSON numbers or booleans."""
    if not isinstance(given, str | int | float):
        raise TypeError
    return str(given).lower() if isinstance(given, bool) else str(given)


def _whole(given: Any) -> int:  # noqa: ANN401 — the same
    if isinstance(given, bool) or (isinstance(given, float) and not given.is_integer()):
        raise ValueError
    return int(given)


def _number(given: Any) -> float:  # noqa: ANN401 — the same
    if isinstance(given, bool) or not math.isfinite(float(given)):
        raise ValueError
    return float(given)


def _switch(given: object) -> bool:
    return SWITCHES[str(given).lower()]


_KINDS: dict[type, tuple[Callable[[Any], Any], str]] = {
    str: (_text, "a text"),
    int: (_whole, "a whole number"),
    float: (_number, "a number"),
    bool: (_switch, "true or false"),
}
