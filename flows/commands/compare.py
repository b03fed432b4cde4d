"""``shardwise compare``: its options, the matrix it prints, its exit status."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.exits import FAILED, WRONG_USE, fail
from flows.commands.options import DataOption, ParamOption, PipelineOption  # noqa: TC001 — typer reads the annotations
from flows.commands.own_pipeline import allow_named
from flows.compare.options import LimitOptions, Options, RetryOptions
from flows.compare.scenarios.catalogue import MIN_SHARDS, find_scenarios, scenarios_for
from flows.engine.session import Choices
from flows.registry import COLUMNS, ENGINES
from shared.run.errors import TerminalError
from shared.run.job import CUSTOMERS
from shared.run.settings import MAX_SHARDS, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.record.comparison import Comparison
    from flows.engine.column import Column
    from flows.engine.scenario import Scenario

WIDE = 100  # columns of text if there is no window

EnginesOption = Annotated[
    str | None, typer.Option(help=f"Columns, separated by commas; default: all, {','.join(COLUMNS)}")
]
PoolOption = Annotated[str, typer.Option(help="Your work pool for prefect-deployed, on the server of PREFECT_API_URL")]
BesideOption = Annotated[
    list[Path] | None, typer.Option("--with", help="A compare.json recorded elsewhere; may be repeated")
]
HangOption = Annotated[
    float | None,
    typer.Option(min=1, help="Timeout where an attempt hangs, in seconds (default: from a run without faults)"),
]
DeadlineOption = Annotated[
    float | None, typer.Option(min=1, help="Seconds until a run counts as stuck (default: from a run without faults)")
]
RedactOption = Annotated[
    bool | None, typer.Option(help="Hide values, messages and logs of the pipeline in the report [SHARDWISE_REDACT]")
]
OutOption = Annotated[Path, typer.Option(help="Folder for report.html, report.md, compare.json, compare.junit.xml")]


def compare(  # noqa: PLR0913 — one parameter per option
    *,
    engines: EnginesOption = None,
    scenarios: Annotated[str, typer.Option(help="Names, separated by commas; default: all fast scenarios")] = "",
    every: Annotated[bool, typer.Option("--all", help="Include slow scenarios and redundant cells")] = False,
    pipeline: PipelineOption = None,
    param: ParamOption = None,
    repeat: Annotated[int, typer.Option(min=1, help="Repetitions of each cell whose timings are reported")] = 3,
    data: DataOption = None,
    shards: Annotated[int, typer.Option(min=MIN_SHARDS, max=MAX_SHARDS)] = 10,
    retries: Annotated[int | None, typer.Option(min=0, max=10, help="Retries of a step")] = None,
    wait: Annotated[float | None, typer.Option(min=0, help="Seconds before the first retry")] = None,
    factor: Annotated[float | None, typer.Option(min=1, help="Factor of each further wait")] = None,
    timeout: Annotated[float | None, typer.Option(min=1, help="Timeout of one attempt, in seconds")] = None,
    wait_scale: Annotated[float, typer.Option(min=0, help="Multiplies the policy's waits")] = 1.0,
    hang_timeout: HangOption = None,
    deadline: DeadlineOption = None,
    work_pool: PoolOption = "",
    render_cli: Annotated[str, typer.Option(help="The official `render`, for render-official")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Accept the costs of render-cloud")] = False,
    max_dollars: Annotated[float, typer.Option(min=0, help="Maximum cost of render-cloud, in dollars")] = 1.0,
    prices: Annotated[Path | None, typer.Option(help="Your price file")] = None,
    beside: BesideOption = None,
    against: Annotated[Path | None, typer.Option(help="Report what changed since this earlier compare.json")] = None,
    redact: RedactOption = None,
    listing: Annotated[bool, typer.Option("--list", help="List the columns and the scenarios, and exit")] = False,
    out: OutOption = Path("shardwise-report"),
) -> None:
    """Inject the same faults on every engine, and judge each run from the store, the ledger and the answer.

    Exit status: 0 all cells as expected; 1 a cell differs, is silently wrong or got worse; 2 it could not run.
    """
    pipeline = pipeline or CUSTOMERS
    retry, limits = RetryOptions(retries, wait, factor, timeout, wait_scale), LimitOptions(hang_timeout, deadline)
    whole = bool(engines is not None or scenarios or every)
    others = (prices, tuple(beside or ()), against)
    hidden = bool(Settings.read().redact) if redact is None else redact
    options = Options(repeat, pipeline, tuple(param or ()), data, shards, retry, limits, *others, whole, hidden)
    allow_named(pipeline)
    options.check()
    possible = scenarios_for(retry.policy(), shards, ENGINES.values())
    if listing:
        print_choices(possible.values())
        return
    telling = [name for name, column in COLUMNS.items() if every or any(map(column.tells, possible.values()))]
    columns = find_columns(",".join(telling) if engines is None else engines)
    wanted = find_scenarios(scenarios, possible, slow=every)
    choices = Choices(yes, max_dollars, data or "", wait_scale, {"work_pool": work_pool, "render_cli": render_cli})
    _make(out)
    sys.exit(_compare(wanted, columns, options, choices, out))


def _compare(wanted: list[Scenario], columns: list[Column], options: Options, choices: Choices, out: Path) -> int:
    """Run and print a comparison; return the exit status."""
    from rich.console import Console

    from flows.compare.observe.comparison import run_comparison  # imported here, so that other commands start faster
    from flows.compare.report.terminal import print_changes, print_matrix

    comparison, problems = run_comparison(ENGINES.values(), wanted, columns, options, choices, out=out)
    print_matrix(Console(width=None if sys.stdout.isatty() else WIDE), comparison)
    if options.against:
        print_changes(Console(), comparison)
    typer.echo(f"report in {out}")
    for problem in problems:
        fail(problem)
    return exit_status(comparison, problems)


def exit_status(comparison: Comparison, problems: list[str]) -> int:
    """Return 1 if a cell observed here is not as expected or got worse, 2 if something could not run.

    Args:
        comparison: The comparison, with what changed.
        problems: Parts of the report that could not be written.
    """
    here = [cell for cell in comparison.cells if not comparison.columns[cell.column].recorded_in]
    if any(not cell.judgement.as_expected and not cell.failure for cell in here):
        return FAILED
    if any(change.regression for change in comparison.changes or ()):
        return FAILED
    return WRONG_USE if problems or any(cell.failure for cell in here) else 0


def print_choices(scenarios: Iterable[Scenario]) -> None:
    """Print the values of ``--engines`` and ``--scenarios``, each with one line of explanation."""
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_row("[bold]columns (--engines)[/]")
    for column in COLUMNS.values():
        table.add_row(column.name, column.title)
    table.add_row("[bold]scenarios (--scenarios)[/]", "* by name or with --all")
    for scenario in scenarios:
        table.add_row(scenario.name + " *" * scenario.slow, scenario.title)
    Console(width=None if sys.stdout.isatty() else WIDE).print(table, highlight=False)


def find_columns(names: str) -> list[Column]:
    """Return the columns of a list like ``local,prefect``; a TerminalError names unknown ones."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in COLUMNS]:
        raise TerminalError(f"--engines has {', '.join(unknown)}; known are {', '.join(COLUMNS)}")
    if not wanted:
        raise TerminalError(f"--engines is empty; known are {', '.join(COLUMNS)}")
    return [column for column in COLUMNS.values() if column.name in wanted]


def _make(out: Path) -> None:
    """Create the report's folder before the first cell, so that an error is reported at once."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TerminalError(f"--out {out} cannot be a folder for the report: {error.strerror}") from error
