"""The five tasks as a flow; part "check" copies this beside them."""

from __future__ import annotations

from five_tasks import convert, export, load, report, total  # type: ignore[import-not-found] # beside it, where it runs
from prefect import Task, flow, task

TASKS: list[Task[[int], int]] = [task(retries=1)(work) for work in (load, convert, total, export, report)]


@flow
def nightly() -> None:
    """One after the other."""
    for each in TASKS:
        each(7)
