"""A whole comparison: servers, cells one after another, the report."""

from __future__ import annotations

import logging
import signal
from contextlib import contextmanager
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING

import httpx
from rich.console import Console

from flows.compare.cells import Cell, run_cell
from flows.compare.context import ComparisonContext, context_for, context_of
from flows.compare.report.reports import write_reports
from flows.compare.report.terminal import verdict_line
from flows.compare.servers import Choices, Servers
from flows.exits import StoppedError
from shared.isolation.pool import cores
from shared.run.errors import TerminalError, TransientError
from shared.run.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flows.compare.column import Column
    from flows.compare.scenario import Scenario

console = Console(stderr=True)


def run_comparison(  # noqa: PLR0913 — what to run, over what, and where to say what came out
    scenarios: list[Scenario],
    columns: list[Column],
    repeat: int,
    out: Path,
    *,
    data: str | None,
    shards: int,
    wait_scale: float,
    choices: Choices,
) -> list[Cell]:
    """Run all cells and write the report.

    Args:
        scenarios: The rows.
        columns: The columns.
        repeat: Runs of each cell.
        out: Folder of the report; it exists.
        data: Folder of the four CSVs; None takes the settings'.
        shards: Of each run.
        wait_scale: Multiplies the policy's waits.
        choices: What a person chose for servers and cloud.

    Raises:
        TerminalError: It could not run.
        StoppedError: Ctrl-C or SIGTERM.
    """
    logging.getLogger("shardwise").addHandler(logging.NullHandler())  # a cell's log is part of its evidence
    with (
        _could_run(),
        scratch() as folder,
        Servers(folder, cores(), choices) as servers,
    ):
        columns = _observable(servers, columns)
        servers.prepare(columns)
        context = context_of(servers, folder, data=data, shards=shards, wait_scale=wait_scale)
        if not (cells := list(_run_all(context, scenarios, columns, repeat))):
            raise TerminalError("nothing was observed, so there is no report")
        write_reports(out, context, cells)
    return cells


def _observable(servers: Servers, columns: list[Column]) -> list[Column]:
    """The columns that can be observed here; of the others it is said why not."""
    servers.absent = servers.not_observable(columns)
    for name, reason in servers.absent.items():
        console.print(f"{name} is not observed: {reason}", soft_wrap=True, highlight=False)
    if len(servers.absent) == len(columns):
        raise TerminalError("none of the columns can be observed here")
    return [column for column in columns if column.name not in servers.absent]


@contextmanager
def _could_run() -> Iterator[None]:
    """What stops a comparison, a server that is gone for example, is no verdict: it could not run."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and cells are stopped as by Ctrl-C
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError("the comparison was stopped; there is no report, and nothing of it still runs") from None
    except (TransientError, httpx.HTTPError) as error:
        raise TerminalError(f"the comparison could not run: {error}") from error


def _run_all(
    context: ComparisonContext, scenarios: list[Scenario], columns: list[Column], repeat: int
) -> Iterator[Cell]:
    """Run cell after cell: two at once would disturb each other's times."""
    cells = [cell for cell in product(range(1, repeat + 1), scenarios, columns) if cell[2].name in cell[1].expected]
    if not cells:
        raise TerminalError("none of the scenarios runs on any of the columns")
    own_context = cache(partial(context_for, context))
    for number, (again, scenario, column) in enumerate(cells, start=1):
        seconds = context.deadline(scenario) * (1 + scenario.run_again)
        if reason := context.servers.serving(column).refuses(seconds, context.job.num_shards):
            context.servers.absent[column.name] = f"{scenario.name} and what follows: {reason}"
            console.print(f"{scenario.name} is not observed on {column.name}: {reason}", soft_wrap=True)
            continue
        with console.status(f"{number} of {len(cells)}: {scenario.name} on {column.name}"):
            cell = run_cell(own_context(scenario.customers), scenario, column, again)
        console.print(verdict_line(number, len(cells), cell), soft_wrap=True, highlight=False)
        yield cell
