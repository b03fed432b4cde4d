"""The complete description of one run, immutable and serialised to JSON, so every engine passes on the same job."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from shared.faults.plan import Fault
from shared.run.errors import TerminalError
from shared.run.settings import MAX_SHARDS
from shared.run.step_names import AGGREGATE, STAGE, shard_step

if TYPE_CHECKING:
    from collections.abc import Mapping

CUSTOMERS = "shared.customers.pipeline:pipeline"  # the default pipeline, which is always allowed
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True)
class Job:
    """One run of a pipeline.

    Attributes:
        run_id: The name of the run and of its folder in the store; a second start with the same name resumes.
        data_url: The data folder, an absolute path or an fsspec URL; empty if the pipeline generates its data.
        store_url: The store, an absolute path or an fsspec URL.
        num_shards: The number of shards, from 1 to 10,000 inclusive.
        pipeline: The pipeline, as ``module:object``.
        parameters: The pipeline's parameters by name: texts, numbers, true or false.
        engine: The engine's name, for the result.
        invocation: The start of this run, from 1; 0 until the run is opened.
        faults: Planned faults; empty outside comparisons.
    """

    run_id: str
    data_url: str
    store_url: str
    num_shards: int = 10
    pipeline: str = CUSTOMERS
    parameters: Mapping[str, Any] = field(default_factory=dict)
    engine: str = "local"
    invocation: int = 0
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a job that cannot run.

        Raises:
            TerminalError: A field is invalid; the message names field, value and allowed values.
        """
        _check(
            self.run_id,
            "run_id",
            isinstance(self.run_id, str) and RUN_ID.fullmatch(self.run_id) is not None,
            "letters, digits, '.', '_' and '-', at most 80, first a letter or digit",
        )
        named = self.data_url == "" or _is_name(self.data_url)
        _check(self.data_url, "data_url", named, "the folder of the data, a path or URL in UTF-8")
        _check(self.store_url, "store_url", _is_name(self.store_url), "a folder, a path or URL in UTF-8")
        _check(
            self.num_shards,
            "num_shards",
            _is_whole(self.num_shards, 1, MAX_SHARDS),
            f"a whole number from 1 to {MAX_SHARDS:,}",
        )
        _check(self.pipeline, "pipeline", _is_text(self.pipeline), "like my_team.clicks:pipeline")
        _check(self.parameters, "parameters", _is_plain(self.parameters), "an object of texts, numbers, true or false")
        _check(self.engine, "engine", _is_text(self.engine), "the name of an engine")
        _check(self.invocation, "invocation", _is_whole(self.invocation, 0, None), "a whole number from 0")
        for fault in self.faults:
            self._check_fault(fault)

    def to_json(self) -> dict[str, Any]:
        """Return all fields as one JSON object."""
        return vars(self) | {"parameters": dict(self.parameters), "faults": [fault.to_json() for fault in self.faults]}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Return the job of ``to_json``.

        Raises:
            TerminalError: The value is not an object, or a field is missing, unknown or invalid.
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
        """Return the job for one start of its run."""
        return replace(self, invocation=invocation)

    def steps(self) -> list[str]:
        """Return the names of all steps: the staging, each shard, the aggregation."""
        return [STAGE, *map(shard_step, range(self.num_shards)), AGGREGATE]

    def check_shard(self, shard_id: object) -> int:
        """Return the shard id, or raise a TerminalError with value and range if the job has no such shard."""
        _check(
            shard_id,
            "shard_id",
            _is_whole(shard_id, 0, self.num_shards - 1),
            f"a whole number from 0 to {self.num_shards - 1}",
        )
        assert isinstance(shard_id, int)  # noqa: S101 — narrows the type for the checker
        return shard_id

    def _check_fault(self, fault: Fault) -> None:
        """Refuse a fault that can never fire in this job."""
        known = fault.step in self.steps()
        _check(fault.step, "a fault's step", known, f"stage, shard-000 to {self.steps()[-2]}, or aggregate")


def _names() -> list[str]:
    return [each.name for each in fields(Job)]


def _check(value: object, name: str, good: bool, wanted: str) -> None:  # noqa: FBT001 — a checked condition, not a switch
    if not good:
        raise TerminalError(f"{name} is {value!r:.80}; it must be {wanted}")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_name(value: object) -> bool:
    """Whether a path or URL is valid UTF-8; bytes that are not become surrogates, which JSON does not always accept."""
    return isinstance(value, str) and bool(value.strip()) and not any("\ud800" <= each <= "\udfff" for each in value)


def _is_plain(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str | int | float) for each in value.values())


def _is_whole(value: object, low: int, high: int | None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value and (high is None or value <= high)
