"""Runs a whole comparison: services, cells, report."""

from __future__ import annotations

import logging
import signal
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import httpx
from rich.console import Console
from rich.text import Text

from flows.compare.judge.recorded import combined, read_recorded
from flows.compare.judge.redacted import redacted_again
from flows.compare.observe.cells import WITHOUT_FAULTS, failed_cell, run_cell
from flows.compare.observe.context import ComparisonContext, context_for, context_of
from flows.compare.observe.described import described
from flows.compare.observe.lanes import Lanes, Planned
from flows.compare.report.against import changes
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.reports import write_reports
from flows.compare.report.terminal import verdict_line
from flows.compare.scenarios.expectations import expected_on
from flows.engine.column import not_observable
from flows.engine.pricing import read_prices
from flows.engine.session import Choices, Session
from shared.run.cores import cores
from shared.run.errors import StoppedError, TerminalError, TransientError, explained
from shared.run.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from flows.compare.options import Options
    from flows.compare.record.comparison import Comparison
    from flows.compare.record.observed import Cell
    from flows.engine.column import Column
    from flows.engine.engine import Engine
    from flows.engine.scenario import Scenario

console = Console(stderr=True)


def run_comparison(  # noqa: PLR0913 — each is another part of what a person chose
    engines: Collection[Engine],
    scenarios: list[Scenario],
    columns: list[Column],
    options: Options,
    choices: Choices | None = None,
    *,
    out: Path,
) -> tuple[Comparison, list[str]]:
    """Run all cells and write the report.

    Args:
        engines: All known engines.
        scenarios: The scenarios to run.
        columns: The columns; those that cannot be observed here are recorded with the reason.
        options: Data, policy, and other comparisons.
        choices: The user's choices for the services.
        out: The report's folder, which exists.

    Returns:
        What compare.json holds, with all that follows; and what of the report could not be made, in words.

    Raises:
        TerminalError: The comparison could not run.
        StoppedError: Ctrl-C or SIGTERM.
    """
    logging.getLogger("shardwise").addHandler(logging.NullHandler())  # a cell's log is part of its evidence
    with _could_run(), scratch() as folder, Session(folder, cores(), choices) as session:
        here = _observable(session, columns)
        for column in here:
            column.serving(session).prepare()
        reference = next(engine for engine in engines if not engine.orchestrator)
        context = context_of(session, folder, options, reference)
        if not (cells := _run_all(context, scenarios, here)):
            raise TerminalError("nothing was observed, so there is no report")
        comparison = described(context, engines, scenarios, columns, cells)
    concluded, problems = comparison, []
    try:
        concluded = _concluded(comparison, engines, options)
    except Exception as error:  # noqa: BLE001 — whatever another file holds, what was observed here is reported
        problems.append(f"there are no conclusions, and no other comparison is shown: {explained(error)}")
    return concluded, problems + write_reports(out, concluded)


def _concluded(comparison: Comparison, engines: Collection[Engine], options: Options) -> Comparison:
    """Return what was observed here and elsewhere, the conclusions, and the changes."""
    prices = tuple(price for engine in engines for price in engine.prices)
    others = [(str(path), _read(path, "--with", options)) for path in options.beside]
    whole = combined(comparison, others)
    chosen = read_prices(options.prices) if options.prices else prices
    concluded = conclude(whole, chosen)
    if not options.against:
        return concluded
    found = changes(concluded, conclude(_read(options.against, "--against", options), chosen))
    return concluded.model_copy(update={"changes": tuple(found)})


def _read(path: Path, option: str, options: Options) -> Comparison:
    found = read_recorded(path, option)
    return redacted_again(found) if options.redact else found


def _observable(session: Session, columns: list[Column]) -> list[Column]:
    """Return the columns that can be observed here, and print the reasons for others."""
    session.absent = not_observable(columns, session)
    for name, reason in session.absent.items():
        console.print(Text(f"{name} is not observed: {reason}"), soft_wrap=True, highlight=False)
    if len(session.absent) == len(columns):
        raise TerminalError("none of the columns can be observed here")
    return [column for column in columns if column.name not in session.absent]


@contextmanager
def _could_run() -> Iterator[None]:
    """Report what stops a comparison, such as a dead server, as an error and not as a verdict."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # session and cells are stopped as by Ctrl-C
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError("the comparison was stopped; it wrote no report and left no process") from None
    except (TransientError, httpx.HTTPError, OSError) as error:
        raise TerminalError(f"the comparison could not run: {error}") from error


def _run_all(context: ComparisonContext, scenarios: list[Scenario], columns: list[Column]) -> list[Cell]:
    """Run all cells; return those that could be observed, in the order of the report."""
    planned = _planned(context, scenarios, columns)
    cells: dict[int, Cell] = {}
    observe = partial(_observe, context, {})
    with console.status("") as status, Lanes(observe, status.update, context.session.stopping) as lanes:
        _start_services(context, columns)
        for each, cell in lanes.results(planned):
            if cell:
                cells[each.number] = cell
                console.print(
                    verdict_line(len(cells), len(planned), cell), soft_wrap=True, highlight=False, emoji=False
                )
    return [cells[number] for number in sorted(cells)]


def _start_services(context: ComparisonContext, columns: list[Column]) -> None:
    """Start the services first, so that they do not disturb the cells whose timings are reported."""
    for column in columns:
        if not column.remote:
            with suppress(Exception):  # its cells tell why it does not start
                column.cell_environment(context.session, context.settings(WITHOUT_FAULTS), context.workers)


def _planned(context: ComparisonContext, scenarios: list[Scenario], columns: list[Column]) -> list[Planned]:
    cells = [
        (repeat, scenario, column)
        for repeat in range(1, context.options.repeat + 1)
        for scenario in scenarios
        if context.runs(scenario) and (repeat == 1 or scenario.measured)
        for column in columns
        if expected_on(column, scenario, context.policy) and (context.options.whole or column.tells(scenario))
    ]
    if not cells:
        raise TerminalError("none of the scenarios runs on any of the columns")
    return [Planned(number, *cell) for number, cell in enumerate(cells)]


def _observe(context: ComparisonContext, own: dict[object, ComparisonContext], planned: Planned) -> Cell | None:
    """Run a cell if its service has time and money for it; errors become findings of the cell.

    Args:
        context: The comparison's context.
        own: Contexts of scenarios with their own data or shards, filled here.
        planned: The cell.
    """
    scenario, column = planned.scenario, planned.column
    try:
        service = column.serving(context.session)
        seconds = (context.limits(scenario, column).deadline + service.startup) * (1 + scenario.run_again)
        if reason := service.refuses(seconds, context.job.num_shards):
            context.session.absent[column.name] = f"{scenario.name} and what follows: {reason}"
            console.print(Text(f"{scenario.name} is not observed on {column.name}: {reason}"), soft_wrap=True)
            return None
        size = (scenario.generated, scenario.shards)
        if size not in own:
            own[size] = context_for(context, scenario)
        return run_cell(own[size], scenario, column, planned.repeat)
    except Exception as error:  # noqa: BLE001 — one cell must not cost the others
        return failed_cell(context, scenario, column, planned.repeat, error)
