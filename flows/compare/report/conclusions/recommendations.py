"""When to choose which engine: a line stands only where the cells it cites bear it out, and says on what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.compare.report.conclusions.promises import promises_for
from flows.compare.report.conclusions.slots import holds_slot
from flows.engine.verdicts import RECOVERED, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.report.conclusions.evidence import At, Evidence

Json = dict[str, Any]

PREFECT, RENDER, EITHER = "prefect", "render", "either"
RESUMED = "kill_orchestrator_then_run_again"
BROKEN = {Verdict.FAILED, Verdict.STUCK}
ENDS = {  # of a step's process
    "kill_worker_once": "whose process is killed",
    "hang_once": "that never returns",
    "exit_without_result_once": "whose process leaves without a result",
}


@dataclass(frozen=True)
class Line:
    """One reason.

    Attributes:
        choose: ``prefect``, ``render`` or ``either``.
        condition: What somebody may need.
        because: What was observed.
        cells: Where, as scenario and column.
    """

    choose: str
    condition: str
    because: str
    cells: tuple[At, ...]

    def to_json(self, seen: Evidence) -> Json:
        """As compare.json has it, with what the cells were observed on and what the documentation promises of them."""
        promised = [
            promise.to_json()
            for scenario in dict.fromkeys(scenario for scenario, _ in self.cells)
            for promise in promises_for(self.choose, scenario)
        ]
        return {
            "choose": self.choose,
            "if": self.condition,
            "because": self.because,
            "cells": [list(cell) for cell in self.cells],
            "observed": seen.observed(self.cells),
            "documented": promised,
        }


def recommendations_of(seen: Evidence, slots: list[Json], cost: Json) -> list[Json]:
    """All lines that the evidence bears out."""
    lines = [*_ends(seen), *_terminal(seen), *_waiting(seen, slots), *_alike(seen), *_money(cost)]
    order = PREFECT, RENDER, EITHER
    return [line.to_json(seen) for line in sorted(lines, key=lambda line: order.index(line.choose))]


def _ends(seen: Evidence) -> Iterator[Line]:
    for scenario, what in ENDS.items():
        broken = seen.columns(PREFECT, scenario, BROKEN)
        survived = seen.columns(PREFECT, scenario, set(RECOVERED))
        on_render = seen.columns(RENDER, scenario, {Verdict.ENGINE})
        if broken and on_render:
            kept = f", and Prefect retries it {_where(survived)}" if survived else ""
            because = f"Render retries it; the run is stuck or fails {_where(broken)}{kept}"
            condition = f"a step {what} must recover without code or settings of yours"
            yield Line(RENDER, condition, because, _at(scenario, *on_render, *broken))
        if survived:
            because = f"it is retried {_where(survived)}" + (f", not {_where(broken)}" if broken else "")
            yield Line(PREFECT, f"you can run it so that a step {what} recovers", because, _at(scenario, *survived))


def _terminal(seen: Evidence) -> Iterator[Line]:
    name = "raise_terminal"
    for column in seen.columns(RENDER, name, {Verdict.FAILED}):
        other = next(iter(seen.columns(PREFECT, name, {Verdict.FAILED})), "")
        few, many = seen.attempts(name, other), seen.attempts(name, column)
        if 0 < few < many:
            attempts = "attempt" if few == 1 else "attempts"
            because = f"an error that retrying cannot help costs {few} {attempts} on Prefect and {many} on Render"
            yield Line(PREFECT, "bad input is common and must fail at once", because, _at(name, other, column))


def _waiting(seen: Evidence, slots: list[Json]) -> Iterator[Line]:
    name = "wait_beside_work"
    held = [c for c in seen.columns(PREFECT, name, set(RECOVERED)) if holds_slot(slots, c)]
    free = [c for c in seen.columns(RENDER, name, set(RECOVERED)) if not holds_slot(slots, c)]
    if not held or not free:
        return
    because = "a shard that waits holds its slot on Prefect, and frees it for another on Render"
    yield Line(RENDER, "waits are long or many, and other work must continue", because, _at(name, *held, *free))
    if any(slot["queued"] for slot in slots if slot["column"] in free):
        because = "the retry on Prefect starts when it is due; on Render it queues for a slot that another shard took"
        yield Line(PREFECT, "a retry must come when it is due, however busy the workers are", because, _at(name, *held))


def _alike(seen: Evidence) -> Iterator[Line]:
    for name, verdict, condition, because in (
        ("nothing_breaks", Verdict.UNAFFECTED, "only the output counts", "undisturbed, both publish the same records"),
        (
            RESUMED,
            Verdict.OURS,
            "the process that started a run may die",
            "neither completes the run by itself; started again, both do, because the store knows what is done",
        ),
        (
            "duplicate_attempt",
            Verdict.OURS,
            "a shard must never count twice",
            "neither prevents two attempts at once; atomic commits do, on both",
        ),
    ):
        sides = [seen.columns(product, name, {verdict}) for product in (PREFECT, RENDER)]
        if all(sides):
            cells = _at(name, *sides[0], *sides[1])
            yield Line(EITHER, condition, because + _orphans(seen, name, cells), cells)


def _orphans(seen: Evidence, name: str, cells: tuple[At, ...]) -> str:
    """Where attempts of the first start still ran beside the second."""
    orphans = [column for scenario, column in cells if seen.overlaps(scenario, column)]
    if name != RESUMED or not orphans:
        return ""
    return f"; attempts of the first start still ran beside the second {_where(orphans)}"


def _money(cost: Json) -> Iterator[Line]:
    for pair in cost.get("break_even", []):
        cells = _at(cost["scenario"], pair["monthly"], pair["by_the_second"])
        old = f", as of {cost['old'][0]}" if cost["old"] else ""
        yield Line(RENDER, "runs are few", f"machines by the month are paid while they are idle{old}", cells)
        yield Line(PREFECT, "there is work all day", f"machines by the month cost less once they are busy{old}", cells)
        return


def _at(scenario: str, *columns: str) -> tuple[At, ...]:
    return tuple((scenario, column) for column in columns)


def _where(columns: list[str]) -> str:
    return f"on {', '.join(columns)}"
