"""MergeJob: one run, described completely. Frozen, JSON in and out: every engine hands the same job to its workers."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from shared.faults.plan import Fault
from shared.run.errors import TerminalError

MAX_SHARDS = 1_000
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
MAX_REJECTS = re.compile(r"\d+|\d+(\.\d+)?%")


@dataclass(frozen=True)
class MergeJob:
    """One run of the merge.

    Attributes:
        run_id: Names the run's folder in the store; running it again resumes.
        data_url: The folder of the four CSVs, an absolute path or an fsspec URL.
        store_url: Where stagings and runs live, an absolute path or an fsspec URL.
        num_shards: From 1 to 1,000, both inclusive.
        max_rejects: Rows that may be rejected before the run fails: a count (``"0"``) or a share of all (``"0.5%"``).
        engine: Who runs it, for the result.
        redact: Keep cell values and the sample profile out of messages and results.
        invocation: Which start of this run this is, from 1; 0 until the run is opened.
        faults: What to break on purpose; empty outside of comparisons.
    """

    run_id: str
    data_url: str
    store_url: str
    num_shards: int = 10
    max_rejects: str = "0"
    engine: str = "local"
    redact: bool = False
    invocation: int = 0
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a job that cannot run.

        Raises:
            TerminalError: Naming the field, the value and what is allowed.
        """
        _check(
            self.run_id,
            "run_id",
            _matches(RUN_ID, self.run_id),
            "letters, digits, '.', '_' and '-', at most 80, first a letter or digit",
        )
        _check(self.data_url, "data_url", _is_text(self.data_url), "the folder of the CSVs, a path or URL")
        _check(self.store_url, "store_url", _is_text(self.store_url), "a folder, a path or URL")
        _check(
            self.num_shards,
            "num_shards",
            _is_whole(self.num_shards, 1, MAX_SHARDS),
            f"a whole number from 1 to {MAX_SHARDS:,}",
        )
        _check(
            self.max_rejects,
            "max_rejects",
            _matches(MAX_REJECTS, self.max_rejects),
            "a count like '10' or a share like '0.5%'",
        )
        _check(self.engine, "engine", _is_text(self.engine), "the name of an engine")
        _check(self.redact, "redact", isinstance(self.redact, bool), "true or false")
        _check(self.invocation, "invocation", _is_whole(self.invocation, 0, None), "a whole number from 0")

    def to_json(self) -> dict[str, Any]:
        """All fields as one JSON object."""
        return asdict(self) | {"faults": [fault.to_json() for fault in self.faults]}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The job that ``to_json`` gave.

        Raises:
            TerminalError: Not an object, a field missing, unknown or out of range.
        """
        if not isinstance(value, dict):
            raise TerminalError(f"a job is {value!r:.80}; it must be a JSON object with {', '.join(_names())}")
        if unknown := sorted(set(value) - set(_names())):
            raise TerminalError(
                f"a job has the unknown field {', '.join(map(str, unknown))}; known are {', '.join(_names())}"
            )
        if missing := sorted({"run_id", "data_url", "store_url"} - set(value)):
            raise TerminalError(f"a job lacks {', '.join(missing)}")
        faults = value.get("faults", [])
        _check(faults, "faults", isinstance(faults, list | tuple), "a list of faults")
        return cls(**(value | {"faults": tuple(map(Fault.from_json, faults))}))

    def opened(self, invocation: int) -> Self:
        """The same job as one start of its run."""
        return replace(self, invocation=invocation)

    def check_shard(self, shard_id: object) -> int:
        """The shard id, if this job has it; else a TerminalError naming value and range."""
        _check(
            shard_id,
            "shard_id",
            _is_whole(shard_id, 0, self.num_shards - 1),
            f"a whole number from 0 to {self.num_shards - 1}",
        )
        assert isinstance(shard_id, int)  # noqa: S101 — narrows the type for the checker
        return shard_id


def make_job(  # noqa: PLR0913 — one parameter per setting
    *,
    run_id: str | None = None,
    data_url: str | None = None,
    store_url: str | None = None,
    num_shards: int | None = None,
    max_rejects: str | None = None,
    redact: bool | None = None,
    engine: str = "local",
    faults: tuple[Fault, ...] = (),
) -> MergeJob:
    """A job from what is given; the rest comes from the environment (``SHARDWISE_*``), then from the defaults."""
    from shared.run.settings import Settings

    settings = Settings.read()
    return MergeJob(
        run_id=run_id or new_run_id(),
        data_url=absolute(data_url or settings.data_url),
        store_url=absolute(store_url or settings.store_url),
        num_shards=settings.num_shards if num_shards is None else num_shards,
        max_rejects=settings.max_rejects if max_rejects is None else max_rejects,
        engine=engine,
        redact=settings.redact if redact is None else redact,
        faults=faults,
    )


def new_run_id() -> str:
    """A fresh id that sorts by time: ``<UTC stamp>-<8 hex digits>``."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def absolute(url: str) -> str:
    """A URL as it is; a local path without its ``file://``, made absolute."""
    if "://" in url and not url.startswith("file://"):
        return url.rstrip("/")
    return str(Path(url.removeprefix("file://")).expanduser().resolve())


def is_local(url: str) -> bool:
    """Whether a job's URL is a path of this machine."""
    return "://" not in url


def _names() -> list[str]:
    return [field.name for field in fields(MergeJob)]


def _check(value: object, name: str, good: bool, wanted: str) -> None:  # noqa: FBT001 — a checked condition, not a switch
    if not good:
        raise TerminalError(f"{name} is {value!r:.80}; it must be {wanted}")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_whole(value: object, low: int, high: int | None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value and (high is None or value <= high)
