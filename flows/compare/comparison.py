"""A whole comparison: servers, cells one after another, the report."""

from __future__ import annotations

import logging
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
from rich.console import Console

from flows.compare.cells import Cell, run_cell
from flows.compare.context import ComparisonContext, context_for, context_of
from flows.compare.report.against import changes
from flows.compare.report.conclusions.prices import OWN, read_prices
from flows.compare.report.content import conclude, content_of
from flows.compare.report.recorded import combined, read_recorded
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
    from flows.compare.options import Options
    from flows.compare.scenario import Scenario

Json = dict[str, Any]

console = Console(stderr=True)


def run_comparison(
    scenarios: list[Scenario], columns: list[Column], out: Path, options: Options, choices: Choices | None = None
) -> Json:
    """Run all cells and write the report.

    Args:
        scenarios: The rows.
        columns: The columns; those that cannot be observed here are said to be so.
        out: Folder of the report; it exists.
        options: Over what, under which policy, beside and against what.
        choices: For the services.

    Returns:
        What compare.json holds.

    Raises:
        TerminalError: It could not run.
        StoppedError: Ctrl-C or SIGTERM.
    """
    logging.getLogger("shardwise").addHandler(logging.NullHandler())  # a cell's log is part of its evidence
    with _could_run(), scratch() as folder, Servers(folder, cores(), choices) as servers:
        here = _observable(servers, columns)
        servers.prepare(here)
        context = context_of(servers, folder, options)
        if not (cells := list(_run_all(context, scenarios, here))):
            raise TerminalError("nothing was observed, so there is no report")
        content = content_of(context, columns, cells)
    concluded = _concluded(content, options)
    write_reports(out, concluded)
    return concluded


def _concluded(content: Json, options: Options) -> Json:
    """What was observed here and elsewhere, what follows from it, and what changed."""
    others = {path.name: read_recorded(path, "--with") for path in options.beside}
    concluded = conclude(combined(content, others), read_prices(options.prices or OWN))
    if options.against:
        old = read_recorded(options.against, "--against")
        concluded["changes"] = [change.to_json() for change in changes(concluded, old)]
    return concluded


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


def _run_all(context: ComparisonContext, scenarios: list[Scenario], columns: list[Column]) -> Iterator[Cell]:
    """Run cell after cell: two at once would disturb each other's times."""
    cells = [
        (repeat, scenario, column)
        for repeat in range(1, context.options.repeat + 1)
        for scenario in scenarios
        if context.runs(scenario) and (repeat == 1 or scenario.measured)
        for column in columns
        if column.name in scenario.expected
    ]
    if not cells:
        raise TerminalError("none of the scenarios runs on any of the columns")
    own: dict[tuple[int | None, int | None], ComparisonContext] = {}
    for number, (repeat, scenario, column) in enumerate(cells, start=1):
        service = context.servers.serving(column)
        seconds = (context.deadline(scenario) + service.startup) * (1 + scenario.run_again)
        if reason := service.refuses(seconds, context.job.num_shards):
            context.servers.absent[column.name] = f"{scenario.name} and what follows: {reason}"
            console.print(f"{scenario.name} is not observed on {column.name}: {reason}", soft_wrap=True)
            continue
        with console.status(f"{number} of {len(cells)}: {scenario.name} on {column.name}"):
            key = scenario.generated, scenario.shards
            if key not in own:
                own[key] = context_for(context, scenario)
            cell = run_cell(own[key], scenario, column, repeat)
        console.print(verdict_line(number, len(cells), cell), soft_wrap=True, highlight=False)
        yield cell
