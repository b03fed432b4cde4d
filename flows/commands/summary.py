"""Prints a run's result and the runs of a store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.commands.exits import showing
from shared.run.printable import printable
from shared.run.summary import summary_of

if TYPE_CHECKING:
    from shared.run.listing import ListedRun
    from shared.run.pipeline import Json, LoadedPipeline

STYLES = {"failed": "bold red", "stopped": "yellow"}
BAR = "█"  # drawn as bars


def print_result(pipeline: LoadedPipeline | None, result: Json, *, as_json: bool) -> None:
    """Print a run's result as text, or only as JSON; ``pipeline`` as for ``summary_of``."""
    with showing():
        if as_json:
            typer.echo(json.dumps(result, indent=1))
        else:
            print_summary(Console(), pipeline, result)


def print_summary(console: Console, pipeline: LoadedPipeline | None, result: Json) -> None:
    """Print what a run did, the pipeline's own summary, and where the output is."""
    table, bar = Table.grid(padding=(0, 2)), "#" if console.options.ascii_only else BAR
    for label, text in summary_of(pipeline, result).items():
        table.add_row(Text(label, "bold"), Text(text.replace(BAR, bar)))
    console.print(table)
    console.print(Text.assemble(("output in", "bold"), f" {printable(result['output'])}"), soft_wrap=True)


def print_runs(console: Console, runs: list[ListedRun]) -> None:
    """Print one line per run, however wide."""
    titles = ("run", "pipeline", "engine", "state", "shards", "started (UTC)", "took", "starts")
    table = Table(*titles, box=None, pad_edge=False)
    for run in runs:
        shards = f"{run.committed} of {run.shards}"
        started = run.started_at[:19].replace("T", " ")
        took = "" if run.seconds is None else f"{run.seconds:,.1f} s"
        state = Text(run.state, STYLES.get(run.state, ""))
        table.add_row(run.run_id, run.pipeline, run.engine, state, shards, started, took, str(run.starts))
    console.print(table, highlight=False)
