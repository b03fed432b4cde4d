"""Settings: every ``SHARDWISE_*`` variable is read, checked and described here, and nowhere else.

Of the standard library alone: pydantic-settings takes 0.13 s to import, in each process of a worker.
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
    """What the text of a variable must be.

    Attributes:
        wanted: In words, for the error.
        read: The value of a text; raises a ValueError or KeyError for an invalid text.
    """

    wanted: str
    read: Callable[[str], Any]


@dataclass(frozen=True)
class Variable:
    """Where one setting comes from, and what it means.

    Attributes:
        name: Of the environment variable.
        about: One sentence for the README.
        kind: What its text must be.
        option: Of the command, which wins over the variable; empty where there is none.
        older: The tutorial's name for the variable, which counts where this one is not set.
        shown: The default in words, where the value does not say it.
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
    """What a process uses where no option and no parameter says otherwise; ``settings_table`` describes each."""

    data_url: str = _from(
        "SHARDWISE_DATA_URL",
        TEXT,
        "The folder of the data, a path or URL.",
        option="--data",
        older="DATA_DIR",
        shown="the customers in `sample_data/`; what the pipeline generates",
        default="",
    )
    store_url: str = _from(
        "SHARDWISE_STORE_URL",
        TEXT,
        "Where runs live: a path or URL that all workers reach.",
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
        "Pipelines that a worker may import besides the customer merge; commas separate them.",
        option="--pipeline",
        shown="none",
        default=(),
    )
    pipeline_path: tuple[str, ...] = _from(
        "SHARDWISE_PIPELINE_PATH",
        FOLDERS,
        "Folders to import pipelines from, searched last and separated as in `PYTHONPATH`.",
        shown="none",
        default=(),
    )
    max_rejects: str | None = _from(
        "SHARDWISE_MAX_REJECTS",
        TEXT,
        "The rows that the customer merge may reject: a count like `10`, or a share like `0.5%`.",
        option="--max-rejects",
        shown="0",
        default=None,
    )
    redact: bool | None = _from(
        "SHARDWISE_REDACT",
        SWITCH,
        "Whether the customer merge hides cell values in messages, and the sample profile in results.",
        option="--redact",
        shown="false",
        default=None,
    )
    max_retries: int = _from(
        "SHARDWISE_MAX_RETRIES",
        _whole(0),
        "Attempts at a step after the first one fails.",
        default=3,
    )
    run_retries: int = _from(
        "SHARDWISE_RUN_RETRIES",
        _whole(0),
        "Retries of a whole run, of Prefect's flow or Render's root task; each of them resumes it.",
        default=0,
    )
    first_wait: float = _from(
        "SHARDWISE_FIRST_WAIT",
        NUMBER,
        "Seconds from a failed first attempt to the second.",
        default=2.0,
    )
    wait_factor: float = _from(
        "SHARDWISE_WAIT_FACTOR",
        NUMBER,
        "Each further wait is the one before times this.",
        default=1.5,
    )
    wait_scale: float = _from(
        "SHARDWISE_WAIT_SCALE",
        NUMBER,
        "Multiplies all waits between attempts.",
        default=1.0,
    )
    shard_timeout: float = _from(
        "SHARDWISE_SHARD_TIMEOUT",
        POSITIVE,
        "Seconds that one attempt at a step may run.",
        default=600.0,
    )
    workers: int | None = _from(
        "SHARDWISE_WORKERS",
        _whole(1),
        "Shards at a time.",
        option="--workers",
        shown="the processors that the process may use",
        default=None,
    )
    isolation: str = _from(
        "SHARDWISE_ISOLATION",
        _one_of("process", "none"),
        "Where an attempt runs: in a process of its own, or in the engine's process.",
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
        "A Dask scheduler that runs already, such as `tcp://10.0.0.5:8786`.",
        option="--dask-address",
        shown="a cluster for the time of the run",
        default=None,
    )
    allow_faults: bool = _from(
        "SHARDWISE_ALLOW_FAULTS",
        SWITCH,
        "Whether a job may plan faults, as comparisons do.",
        default=False,
    )

    @classmethod
    def read(cls) -> Self:
        """The settings of this process, as its environment has them now; an empty variable counts as not set.

        Raises:
            TerminalError: Naming the variable, its value and what it must be.
        """
        given = {each.name: _value(each.metadata["variable"]) for each in fields(cls)}
        return cls(**{name: value for name, value in given.items() if value is not None})


def variable_of(setting: str) -> str:
    """The name of a setting's variable: ``SHARDWISE_WORKERS`` of ``workers``."""
    variable: Variable = Settings.__dataclass_fields__[setting].metadata["variable"]
    return variable.name


def read_variable(name: str) -> str | None:
    """The text of a variable that a pipeline names for one of its parameters; None where it is empty or not set."""
    return os.environ.get(name) or None


def settings_table() -> str:
    """All settings as a table in Markdown: variable, option, meaning, default."""
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
    """What the environment says of a variable; None where it says nothing."""
    for name in filter(None, (variable.name, variable.older)):
        if text := os.environ.get(name):
            try:
                return variable.kind.read(text)
            except (KeyError, ValueError) as error:
                raise TerminalError(f"{name} is {text!r:.80}; it must be {variable.kind.wanted}") from error
    return None


if __name__ == "__main__":
    sys.stdout.write(f"{settings_table()}\n")
