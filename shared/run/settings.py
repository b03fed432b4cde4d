"""Reads, checks and describes all ``SHARDWISE_*`` variables.

Uses only the standard library, because pydantic-settings takes 0.13 s to import in each process of a worker.
"""

from __future__ import annotations

import math
import os
import re
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE_DATA = Path(__file__).resolve().parents[2] / "sample_data"
MAX_SHARDS = 10_000
REFERENCE = re.compile(r"(?!.*\.py$)[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*(\.[^\W\d]\w*)*)?")
SWITCHES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class FieldKind:
    """The type of a variable.

    Attributes:
        wanted: A description of valid values, for the error.
        read: Converts a text; raises a ValueError or KeyError if it is invalid.
    """

    wanted: str
    read: Callable[[str], Any]


@dataclass(frozen=True)
class Variable:
    """The source and meaning of one setting.

    Attributes:
        name: The environment variable.
        about: One sentence for the README.
        kind: The type of its value.
        option: The command's option, which overrides the variable; empty if there is none.
        older: The tutorial's name of the variable, used if this one is not set.
        shown: The default in words, if the value does not show it.
    """

    name: str
    about: str
    kind: FieldKind
    option: str = ""
    older: str = ""
    shown: str = ""


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text


def _references(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not all(map(REFERENCE.fullmatch, names)):
        raise ValueError
    return names


def _whole(low: int, high: int | None = None) -> FieldKind:
    def read(text: str) -> int:
        if (number := int(text)) < low or (high is not None and number > high):
            raise ValueError
        return number

    return FieldKind(f"a whole number from {low}" + ("" if high is None else f" to {high:,}"), read)


def _number(*, zero: bool) -> FieldKind:
    def read(text: str) -> float:
        number = float(text)
        if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
            raise ValueError
        return number

    return FieldKind("a number from 0" if zero else "a number above 0", read)


def _one_of(*choices: str) -> FieldKind:
    return FieldKind(f"one of {', '.join(choices)}", {choice: choice for choice in choices}.__getitem__)


TEXT = FieldKind("a text", _text)
SWITCH = FieldKind("true or false", lambda text: SWITCHES[text.lower()])
NUMBER, POSITIVE = _number(zero=True), _number(zero=False)
FOLDERS = FieldKind("folders as in PYTHONPATH", lambda text: tuple(filter(None, text.split(os.pathsep))))
REFERENCES = FieldKind("pipelines like my_team.clicks, separated by commas", _references)


def _from(name: str, kind: FieldKind, about: str, *, default: Any, **more: str) -> Any:  # noqa: ANN401 — as dataclasses.field
    return field(default=default, metadata={"variable": Variable(name, about, kind, **more)})


@dataclass(frozen=True)
class Settings:
    """The settings that a process uses if no option or parameter is given; ``settings_table`` describes each."""

    data_url: str = _from(
        "SHARDWISE_DATA_URL",
        TEXT,
        "The data folder, a path or URL.",
        option="--data",
        older="DATA_DIR",
        shown="`sample_data/` for the customer merge; else data that the pipeline generates",
        default="",
    )
    store_url: str = _from(
        "SHARDWISE_STORE_URL",
        TEXT,
        "The store of the runs: a path or URL that all workers reach.",
        option="--store",
        shown="`.shardwise` in the current folder",
        default=".shardwise",
    )
    num_shards: int = _from(
        "SHARDWISE_NUM_SHARDS",
        _whole(1, MAX_SHARDS),
        "The number of shards of a run.",
        option="--shards",
        older="NUM_SHARDS",
        default=10,
    )
    pipelines: tuple[str, ...] = _from(
        "SHARDWISE_PIPELINES",
        REFERENCES,
        "Pipelines that a worker may import, besides the customer merge, separated by commas.",
        option="--pipeline",
        shown="none",
        default=(),
    )
    pipeline_path: tuple[str, ...] = _from(
        "SHARDWISE_PIPELINE_PATH",
        FOLDERS,
        "Folders to import pipelines from, separated as in `PYTHONPATH`; searched last.",
        shown="none",
        default=(),
    )
    max_rejects: str | None = _from(
        "SHARDWISE_MAX_REJECTS",
        TEXT,
        "How many rows the customer merge may reject: a count like `10`, or a share like `0.5%`.",
        option="--max-rejects",
        shown="0",
        default=None,
    )
    redact: bool | None = _from(
        "SHARDWISE_REDACT",
        SWITCH,
        "Hides cell values in messages and results of the customer merge, and in reports of `compare`.",
        option="--redact",
        shown="false",
        default=None,
    )
    max_retries: int = _from(
        "SHARDWISE_MAX_RETRIES",
        _whole(0),
        "Retries of a step.",
        default=3,
    )
    run_retries: int = _from(
        "SHARDWISE_RUN_RETRIES",
        _whole(0),
        "Retries of a whole run (Prefect's flow or Render's root task); a retry resumes the run.",
        default=0,
    )
    first_wait: float = _from(
        "SHARDWISE_FIRST_WAIT",
        NUMBER,
        "Seconds before the first retry.",
        default=2.0,
    )
    wait_factor: float = _from(
        "SHARDWISE_WAIT_FACTOR",
        NUMBER,
        "Multiplies each wait to get the next one.",
        default=1.5,
    )
    wait_scale: float = _from(
        "SHARDWISE_WAIT_SCALE",
        NUMBER,
        "Multiplies all waits, for example to shorten them in tests.",
        default=1.0,
    )
    shard_timeout: float = _from(
        "SHARDWISE_SHARD_TIMEOUT",
        POSITIVE,
        "Timeout of one attempt at a step, in seconds.",
        default=600.0,
    )
    workers: int | None = _from(
        "SHARDWISE_WORKERS",
        _whole(1),
        "How many shards run in parallel.",
        option="--workers",
        shown="the number of processors that the process may use",
        default=None,
    )
    isolation: str = _from(
        "SHARDWISE_ISOLATION",
        _one_of("process", "none"),
        "Where an attempt runs: in its own process (`process`), or in the engine's process (`none`).",
        default="process",
    )
    runner: str | None = _from(
        "SHARDWISE_RUNNER",
        _one_of("threads", "processes", "dask"),
        "[Where Prefect runs shards](../../deployments/README.md).",
        option="--runner",
        shown="`dask` if its address is set, else `threads`",
        default=None,
    )
    dask_address: str | None = _from(
        "SHARDWISE_DASK_ADDRESS",
        TEXT,
        "The address of a running Dask scheduler, such as `tcp://10.0.0.5:8786`.",
        option="--dask-address",
        shown="a temporary cluster for each run",
        default=None,
    )
    allow_faults: bool = _from(
        "SHARDWISE_ALLOW_FAULTS",
        SWITCH,
        "Allows jobs with planned faults, which comparisons use.",
        default=False,
    )

    @classmethod
    def read(cls) -> Self:
        """Read the settings of this process from its current environment; an empty variable counts as not set.

        Raises:
            TerminalError: A variable is invalid; the message names it, its value and valid values.
        """
        given = {each.name: _value(each.metadata["variable"]) for each in fields(cls)}
        return cls(**{name: value for name, value in given.items() if value is not None})


def variable_of(setting: str) -> str:
    """Return the name of a setting's variable: ``SHARDWISE_WORKERS`` for ``workers``."""
    variable: Variable = Settings.__dataclass_fields__[setting].metadata["variable"]
    return variable.name


def read_variable(name: str) -> str | None:
    """Return the text of a variable that a pipeline names for a parameter; None if it is empty or not set."""
    return os.environ.get(name) or None


def settings_table() -> str:
    """Return all settings as a Markdown table: variable, option, meaning, default."""
    rows = ["| variable | option | meaning | default |", "|---|---|---|---|"]
    for each in fields(Settings):
        variable: Variable = each.metadata["variable"]
        name = f"`{variable.name}`" + (f", `{variable.older}`" if variable.older else "")
        option = f"`{variable.option}`" if variable.option else ""
        rows.append(f"| {name} | {option} | {variable.about} | {variable.shown or _shown(each.default)} |")
    return "\n".join(rows)


def _shown(default: object) -> str:
    return (
        f"{default:g}"
        if isinstance(default, float)
        else f"`{default}`"
        if isinstance(default, str)
        else str(default).lower()
    )


def _value(variable: Variable) -> Any:  # noqa: ANN401 — of the field's type
    """Return the value of a variable; None if it is not set."""
    for name in filter(None, (variable.name, variable.older)):
        if text := os.environ.get(name):
            try:
                return variable.kind.read(text)
            except (KeyError, ValueError) as error:
                raise TerminalError(f"{name} is {text!r:.80}; it must be {variable.kind.wanted}") from error
    return None


if __name__ == "__main__":
    sys.stdout.write(f"{settings_table()}\n")
