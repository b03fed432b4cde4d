"""The parameters of a job: what a pipeline declares, what was given, what the environment says."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from shared.run.errors import TerminalError
from shared.run.settings import SWITCHES, read_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from dataclasses import Field

    from shared.run.pipeline import Json, LoadedPipeline


def read_options(options: Iterable[str]) -> Json:
    """``key=value`` texts as an object; a TerminalError names an invalid one."""
    given = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key.strip():
            raise TerminalError(f"--param is {option!r:.80}; it must be key=value")
        given[key.strip()] = value
    return given


def complete(pipeline: LoadedPipeline, given: Mapping[str, Any]) -> Json:
    """All parameters of a job: those given, else those of the environment, else the defaults.

    Raises:
        TerminalError: Naming a parameter that is unknown, or a value that does not fit it.
    """
    names = [f.name for f in _declared(pipeline)]
    values = parse(pipeline, {**_from_environment(pipeline, given), **given})
    return {name: getattr(values, name) for name in names}


def _from_environment(pipeline: LoadedPipeline, given: Mapping[str, Any]) -> Json:
    """The parameters that were not given and have a variable that is set."""
    variables = {f.name: f.metadata.get("variable") for f in _declared(pipeline) if f.name not in given}
    read = {name: text for name, variable in variables.items() if variable and (text := read_variable(variable))}
    for name, text in read.items():
        try:
            parse(pipeline, {name: text})
        except TerminalError as error:
            raise TerminalError(f"{variables[name]} is {text!r:.80}: {error}") from error
    return read


def parse(pipeline: LoadedPipeline, given: Mapping[str, Any]) -> Any:  # noqa: ANN401 — the pipeline's own type
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
    if pipeline.parameters is None:
        return None
    values = {name: _value(declared[name], value) for name, value in given.items()}
    try:
        return pipeline.parameters(**values)
    except ValueError as error:
        raise TerminalError(f"the parameters of the pipeline {pipeline.name} are refused: {error}") from error


def identity(pipeline: LoadedPipeline, given: Mapping[str, Any]) -> Json:
    """The parameters that decide over the data, those not given too: what a resumed run must have again.

    Raises:
        TerminalError: As by ``parse``.
    """
    values = parse(pipeline, given)
    return {f.name: getattr(values, f.name) for f in _declared(pipeline) if not f.metadata.get("setting")}


def _declared(pipeline: LoadedPipeline) -> tuple[Field[Any], ...]:
    """The fields of its dataclass; a TerminalError where it has something else, or a field that nobody could give."""
    if (declared := pipeline.parameters) is None:
        return ()
    if not is_dataclass(declared):
        raise TerminalError(f"the pipeline {pipeline.name}: its parameters are {declared!r:.80}, no dataclass")
    if other := [f.name for f in fields(declared) if type(f.default) not in _KINDS]:
        raise TerminalError(
            f"the pipeline {pipeline.name}: the default of its parameter {', '.join(other)} must be a text, a number, "
            "true or false"
        )
    return fields(declared)


def _value(declared: Field[Any], given: object) -> Any:  # noqa: ANN401 — str, int, float or bool
    """A value as its parameter's type, which its default has."""
    read, wanted = _KINDS[type(declared.default)]
    try:
        return read(given)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise TerminalError(f"{declared.name} is {given!r:.80}; it must be {wanted}") from error


def _text(given: Any) -> str:  # noqa: ANN401 — what JSON has
    """Texts that look like something else arrive as that: who passes on ``10`` or ``true`` may make JSON of it."""
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
