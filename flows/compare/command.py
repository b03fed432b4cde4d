"""``shardwise compare``: its options, the matrix it prints, its exit status."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.compare.columns import COLUMNS, find_columns
from flows.compare.scenarios import MIN_SHARDS, find_scenarios
from flows.compare.servers import Choices
from flows.exits import FAILED
from shared.run.errors import TerminalError


def compare(  # noqa: PLR0913 — one parameter per option
    *,
    engines: Annotated[str, typer.Option(help="Columns, separated by commas")] = ",".join(COLUMNS),
    scenarios: Annotated[str, typer.Option(help="Names, separated by commas, or all")] = "all",
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each cell, engines interleaved")] = 1,
    data: Annotated[
        str | None, typer.Option(help="Folder of the four CSVs, a path or URL [SHARDWISE_DATA_URL]")
    ] = None,
    shards: Annotated[int, typer.Option(min=MIN_SHARDS, max=1_000)] = 10,
    wait_scale: Annotated[float, typer.Option(min=0, help="Multiplies the policy's waits")] = 1.0,
    every: Annotated[bool, typer.Option("--all", help="Slow scenarios too; they take minutes each")] = False,
    work_pool: Annotated[
        str,
        typer.Option(help="Your own work pool for prefect-deployed, on the server of PREFECT_API_URL"),
    ] = "",
    render_cli: Annotated[str, typer.Option(help="The official `render`, for render-official [the PATH]")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Agree to what render-cloud costs")] = False,
    max_dollars: Annotated[float, typer.Option(min=0, help="What render-cloud may cost at most")] = 1.0,
    out: Annotated[Path, typer.Option(help="Folder for compare.json, report.md, report.html")] = Path(
        "shardwise-report"
    ),
) -> None:
    """Break the same things on every engine, and judge each from the ledger and the store.

    Exit status: 0 as expected everywhere, 1 a cell differs or is silently wrong, 2 it could not run.
    """
    from rich.console import Console

    from flows.compare.comparison import run_comparison  # here: other commands shall not wait for all of it
    from flows.compare.report.terminal import print_matrix

    columns, wanted = find_columns(engines), find_scenarios(scenarios, slow=every)
    choices = Choices(work_pool, render_cli, consent=yes, max_dollars=max_dollars, data=data or "")
    _make(out)
    cells = run_comparison(
        wanted, columns, repeat, out, data=data, shards=shards, wait_scale=wait_scale, choices=choices
    )
    print_matrix(Console(), cells)
    typer.echo(f"report in {out}")
    if any(cell.mismatches for cell in cells):
        sys.exit(FAILED)


def _make(out: Path) -> None:
    """Make the folder of the report now: nobody shall wait ten minutes to learn that there is none."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TerminalError(f"--out {out} cannot be a folder for the report: {error.strerror}") from error
