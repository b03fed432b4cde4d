"""``shardwise runs``: lists the runs of a store."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.console import Console

from flows.commands.options import JsonOption, StoreOption  # noqa: TC001 — typer reads the annotations
from flows.commands.summary import print_runs
from shared.run.new_job import make_job
from shared.run.store import open_store

WIDE = 1_000  # columns of text: a terminal wraps a long line, and no name is cut


def runs(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List the runs of a store, the latest last."""
    from shared.run.listing import list_runs
    from shared.run.marker import is_marked

    of_store = open_store(make_job(store_url=store).store_url)
    is_marked(of_store)  # reports the error for a run that cannot be read
    found = list_runs(of_store)
    if as_json:
        typer.echo(json.dumps([asdict(run) for run in found], indent=1))
    elif found:
        print_runs(Console(width=WIDE), found)
    else:
        typer.echo(f"{of_store.url} has no runs", err=True)
