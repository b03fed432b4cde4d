"""The ``shardwise`` command."""

from __future__ import annotations

from importlib.metadata import version
from platform import python_version
from typing import Annotated

import typer

from flows.commands.check import check
from flows.commands.clean import clean
from flows.commands.compare import compare
from flows.commands.exits import leave_by
from flows.commands.generate import generate
from flows.commands.new_pipeline import new_pipeline
from flows.commands.recover import recover
from flows.commands.render_dev import render_dev
from flows.commands.report import report
from flows.commands.run import run
from flows.commands.runs import runs
from flows.commands.show import show
from flows.commands.trigger import trigger
from shared.run.proxies import bypass_proxies

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="One sharded job, two orchestrators, one verdict.",
)
for each in (run, check, trigger, recover, compare, report, generate, new_pipeline, show, runs, clean, render_dev):
    app.command()(each)


def _print_versions(wanted: bool) -> None:  # noqa: FBT001 — as typer calls it
    if wanted:
        engines = ", ".join(f"{name} {version(name)}" for name in ("prefect", "render"))
        typer.echo(f"shardwise {version('shardwise')} ({engines}, Python {python_version()})")
        raise typer.Exit


@app.callback()
def _common(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_versions, is_eager=True, help="Print our version and the engines'"),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command."""
    bypass_proxies()
    leave_by(app)
