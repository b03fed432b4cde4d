"""The ``shardwise`` command."""

from __future__ import annotations

import typer

from flows.commands.clean import clean
from flows.commands.compare import compare
from flows.commands.exits import leave_by
from flows.commands.generate import generate
from flows.commands.new_pipeline import new_pipeline
from flows.commands.recover import recover
from flows.commands.render_dev import render_dev
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
for each in (run, trigger, recover, compare, generate, new_pipeline, show, runs, clean, render_dev):
    app.command()(each)


def main() -> None:
    """Run the command."""
    bypass_proxies()
    leave_by(app)
