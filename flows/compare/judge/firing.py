"""Whether planned faults really fired: each leaves a marker where it fires, and a sign in the ledger."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.faults.actions import SLOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flows.compare.observe.ledgers import History
    from flows.compare.observe.spans import Span
    from shared.faults.plan import Fault
    from shared.run.store import Store

HARMLESS = {"slow"}  # nothing has to recover from it
_MARKER = re.compile(r"(?P<step>.+)\.invocation-1\.attempt-(?P<attempt>\d+)\.(?P<kind>\w+)\.json")


@dataclass(frozen=True, order=True)
class Firing:
    """One fault at one attempt of the first invocation.

    Attributes:
        step: As the ledger names it.
        attempt: Counts from 1.
        kind: One of ``KINDS``.
    """

    step: str
    attempt: int
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.step}, attempt {self.attempt}"


def read_markers(store: Store, run_id: str) -> set[Firing]:
    """What the markers of a run say has fired."""
    found = map(_MARKER.fullmatch, store.names(f"runs/{run_id}/faults"))
    return {Firing(match["step"], int(match["attempt"]), match["kind"]) for match in found if match}


def planned(plan: Iterable[Fault]) -> list[Firing]:
    """What a plan wants to fire, one by one."""
    return [Firing(fault.step, attempt, fault.kind) for fault in plan for attempt in fault.attempts]


def untested(plan: Iterable[Fault], markers: set[Firing], history: History, *, completed: bool) -> list[str]:
    """Why a run does not test its plan; empty when every fault fired that could.

    A fault of an attempt that was never made is excused where another fault had ended its step or the run.

    Args:
        plan: What was to break.
        markers: What says of itself that it fired.
        history: What the attempts left in the ledger.
        completed: Whether the run completed, so that nothing can have kept a fault from firing.
    """
    made = {(span.step, span.attempt): span for span in history.spans if span.invocation == 1}
    wanted = planned(plan)
    found = [message for firing in wanted for message in _missing(firing, markers, made, completed=completed)]
    if wanted and not found and not markers.intersection(wanted):
        found.append("no fault of the plan fired")
    return found


def _missing(
    firing: Firing, markers: set[Firing], made: dict[tuple[str, int], Span], *, completed: bool
) -> Iterator[str]:
    span = made.get((firing.step, firing.attempt))
    if firing in markers:
        if span is None or not shows(firing.kind, span, made.values()):
            yield f"{firing} left a marker and no trace in the ledger"
        return
    if span is not None and span.died and firing.kind in HARMLESS:  # it was killed before anything could fire
        return
    others = {marker.kind for marker in markers if (marker.step, marker.attempt) == (firing.step, firing.attempt)}
    if (span is not None and not others - HARMLESS) or (span is None and completed):
        yield f"{firing} did not fire"


def shows(kind: str, span: Span, spans: Iterable[Span]) -> bool:
    """Whether an attempt looks like one at which a fault of a kind fired; a kind without a known sign always does.

    Args:
        kind: Of the fault.
        span: The attempt.
        spans: All attempts of its invocation.
    """
    if kind == "duplicate_attempt":
        return any(other is not span and other.step == span.step and other.overlaps(span) for other in spans)
    return kind not in SIGNS or SIGNS[kind](span)


def _died(span: Span) -> bool:
    """The process ended, or never returned, and could not write down the end of its attempt."""
    return span.died


def _failed_with(*words: str) -> Callable[[Span], bool]:
    return lambda span: not span.died and span.outcome == "failed" and any(word in span.error for word in words)


def _slow(span: Span) -> bool:
    return span.died or (span.seconds is not None and span.seconds >= SLOW_SECONDS)


SIGNS: dict[str, Callable[[Span], bool]] = {
    "exception": _failed_with("planned fault: exception"),
    "terminal": _failed_with("planned fault: terminal"),
    "slow": _slow,
    "hang": lambda span: _died(span) or _failed_with("TimeoutError", "CancelledError")(span),  # Prefect's own timeout
    "out_of_memory": _failed_with("planned fault: out_of_memory"),
    "exit_without_result": _died,
    "kill": _died,
    "disk_full": _failed_with("No space left on device"),
    "torn_write": _died,
    "store_away": _failed_with("planned fault: store_away"),
    "crash_after_commit": _died,
    "source_vanishes": _failed_with("changed", "missing", "vanish"),
}
