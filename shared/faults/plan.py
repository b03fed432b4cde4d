"""Describes faults: which kind, in which step, on which attempts. A plan is part of the job."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from shared.run.errors import TerminalError
from shared.run.step_names import AGGREGATE, STAGE

BEFORE_WORK = {
    "exception": "raise an error worth retrying, before any work",
    "terminal": "raise an error that retrying cannot help, before any work",
    "slow": "wait for a second, before any work",
    "hang": "never return, before any work",
    "out_of_memory": "allocate memory until the limit of the process's address space refuses it, before any work",
    "exit_without_result": "leave the own process with exit status 0, before any work",
    "kill": "kill -9 the own process, before any work",
}
ON_SHARDS = {
    "disk_full": "let every write of the shard's file fail as on a full disk",
    "kill_midway": "kill -9 the own process in the middle of process_shard",
    "overlap_midway": "stop in the middle of process_shard until another process has done the same shard",
}
ON_STAGING = {
    "source_vanishes": "remove an input file, of a copy made for it, when it is read and before that is checked"
}
AT_COMMIT = {
    "torn_write": "kill -9 the own process after the results are written and before they count",
    "duplicate_attempt": "let another process do the same step when the results are written and before they count",
    "store_away": "fail as if the store were unavailable, after the results are written and before they count",
    "crash_after_commit": "kill -9 the own process after the commit and before the result is reported",
}
KINDS = BEFORE_WORK | ON_SHARDS | ON_STAGING | AT_COMMIT


@dataclass(frozen=True)
class Fault:
    """One planned fault.

    Attributes:
        kind: One of ``KINDS``.
        step: The step: ``stage``, a shard's step such as ``shard-003``, or ``aggregate``.
        attempts: The attempts of the run's first invocation that are affected, counted from 1.
    """

    kind: str
    step: str
    attempts: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        """Refuse a fault that could never fire.

        Raises:
            TerminalError: The kind is unknown, the step does not have this kind, or there are no attempts.
        """
        if self.kind not in tuple(KINDS):
            raise TerminalError(f"a fault's kind is {self.kind!r:.80}; known are {', '.join(KINDS)}")
        if self.kind in ON_SHARDS and self.step in {STAGE, AGGREGATE}:
            raise TerminalError(f"the fault {self.kind} is injected into shards; its step is {self.step!r:.80}")
        if self.kind in ON_STAGING and self.step != STAGE:
            raise TerminalError(f"the fault {self.kind} is injected into stage; its step is {self.step!r:.80}")
        if not self.attempts or min(self.attempts) < 1:
            raise TerminalError(f"a fault's attempts are {list(self.attempts)!r:.80}; they must be one or more, from 1")

    def to_json(self) -> dict[str, Any]:
        """Return all fields as one JSON object."""
        return asdict(self) | {"attempts": list(self.attempts)}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Return the fault of ``to_json``, or raise a TerminalError that names the problem."""
        match value:
            case {"kind": str(kind), "step": str(step), "attempts": [*attempts], **more} if not more:
                if all(isinstance(each, int) and not isinstance(each, bool) for each in attempts):
                    return cls(kind, step, tuple(attempts))
        raise TerminalError(
            f'a fault is {value!r:.120}; it must be like {{"kind": "kill", "step": "shard-003", "attempts": [1]}}'
        )
