"""The verdict sheet, "choose Prefect if" or "Render if": a line stands only where the cells it cites bear it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.compare.report.conclusions.slots import holds_place
from flows.compare.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.cells import Cell

PREFECT, ISOLATED, RENDER = "prefect", "prefect-isolated", "render"
ORDER = PREFECT, RENDER, "either"
HEALED = {Verdict.ENGINE, Verdict.OURS}


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
    cells: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """As compare.json has it."""
        cited = [list(cell) for cell in self.cells]
        return {"choose": self.choose, "if": self.condition, "because": self.because, "cells": cited}


class Evidence:
    """The cells of a comparison, to ask; what did not run bears nothing out."""

    def __init__(self, cells: list[Cell]) -> None:
        """Sort the cells by scenario and column."""
        self._cells: dict[tuple[str, str], list[Cell]] = {}
        for cell in cells:
            self._cells.setdefault((cell.scenario.name, cell.column.name), []).append(cell)

    def are(self, verdicts: set[Verdict], *where: tuple[str, str]) -> bool:
        """Whether all these cells ran, and each repetition ended with one of the verdicts."""
        return all(at in self._cells and all(cell.verdict in verdicts for cell in self._cells[at]) for at in where)

    def says_running(self, where: tuple[str, str]) -> bool:
        """Whether the engine's own record has a run going on that is over."""
        return any(record.unfinished for cell in self._cells.get(where, []) for record in cell.records)

    def attempts(self, scenario: str, column: str) -> int:
        """Those at the struck step; 0 where the cell did not run."""
        return max((cell.attempts or 0 for cell in self._cells.get((scenario, column), [])), default=0)


def sheet_of(cells: list[Cell], slots: list[dict[str, Any]], cost: dict[str, Any]) -> list[Line]:
    """All lines that the evidence bears out."""
    seen = Evidence(cells)
    lines = [*_deaths(seen), *_records(seen), *_terminal(seen), *_waiting(seen, slots), *_alike(seen), *_money(cost)]
    return sorted(lines, key=lambda line: ORDER.index(line.choose))


def _deaths(seen: Evidence) -> Iterator[Line]:
    for scenario, what in (("kill_worker_once", "dies"), ("hang_once", "hangs")):
        on_prefect, on_render, isolated = (scenario, PREFECT), (scenario, RENDER), (scenario, ISOLATED)
        if seen.are({Verdict.FAILED}, on_prefect) and seen.are({Verdict.ENGINE}, on_render):
            because = f"Render retries an attempt whose process {what}; on Prefect as it is the whole run fails"
            yield Line(
                "render", f"a process that {what} shall heal without code of yours", because, (on_prefect, on_render)
            )
        if seen.are({Verdict.FAILED}, on_prefect) and seen.are(HEALED, isolated):
            because = (
                f"with each shard in a process of its own, one that {what} is a failed attempt, and Prefect retries it"
            )
            yield Line(
                "prefect", f"it may take isolation to survive a shard that {what}", because, (on_prefect, isolated)
            )


def _records(seen: Evidence) -> Iterator[Line]:
    name = "kill_worker_once"
    if seen.says_running((name, PREFECT)) and seen.are({Verdict.ENGINE}, (name, RENDER)):
        because = "when the process of a flow was killed, Prefect's server says running although nothing runs"
        yield Line("render", "the engine shall tell when a run is over", because, ((name, PREFECT), (name, RENDER)))


def _terminal(seen: Evidence) -> Iterator[Line]:
    name = "raise_terminal"
    on_prefect, on_render = seen.attempts(name, PREFECT), seen.attempts(name, RENDER)
    if 0 < on_prefect < on_render:
        because = f"an error that retrying cannot help costs {on_prefect} attempt on Prefect and {on_render} on Render"
        yield Line("prefect", "bad input is common and shall fail at once", because, ((name, PREFECT), (name, RENDER)))


def _waiting(seen: Evidence, slots: list[dict[str, Any]]) -> Iterator[Line]:
    name = "wait_beside_work"
    cited = (name, PREFECT), (name, RENDER)
    held, free = holds_place(slots, PREFECT), not holds_place(slots, RENDER)
    if seen.are(HEALED, *cited) and held and free:
        because = "a shard that waits holds its place on Prefect, and frees it for another on Render"
        yield Line("render", "waits are long or many, and work shall go on meanwhile", because, cited)
    if seen.are(HEALED, *cited) and held and any(slot["queued"] for slot in slots if slot["column"] == RENDER):
        because = "the retry on Prefect starts when it is due; on Render it queues for a place that another shard took"
        yield Line("prefect", "a retry shall come when it was promised, however busy the workers are", because, cited)


def _alike(seen: Evidence) -> Iterator[Line]:
    same = tuple((scenario, column) for scenario in ("nothing_breaks", "at_scale") for column in (PREFECT, RENDER))
    if seen.are({Verdict.UNAFFECTED}, *same):
        yield Line("either", "the profiles are all that counts", "both publish the same bytes, undisturbed", same)
    again = tuple(("kill_orchestrator_then_run_again", column) for column in (PREFECT, RENDER))
    if seen.are({Verdict.OURS}, *again):
        because = "neither resumes by itself; run again, both do only what is missing, because the store knows"
        yield Line("either", "the process that started a run may die", because, again)
    duplicates = tuple(("duplicate_attempt", column) for column in (PREFECT, RENDER))
    if seen.are({Verdict.OURS}, *duplicates):
        because = "neither prevents two attempts at once; atomic commits do, on both"
        yield Line("either", "a shard may never be written twice", because, duplicates)


def _money(cost: dict[str, Any]) -> Iterator[Line]:
    if busy := cost.get("break_even_busy"):
        cited = ("at_scale", PREFECT), ("at_scale", RENDER)
        because = (
            f"an always-on machine that is busy less than {busy:.0%} of the time costs more than paying by the second"
        )
        yield Line("render", "runs are few and far between", because, cited)
        because = (
            f"an always-on machine that is busy more than {busy:.0%} of the time costs less than paying by the second"
        )
        yield Line("prefect", "there is work all day", because, cited)
