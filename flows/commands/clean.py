"""``shardwise clean``: removes old, unused files from a store."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import StoreOption  # noqa: TC001 — typer reads the annotations
from shared.run.new_job import make_job


def clean(
    *,
    older_than: Annotated[str, typer.Option(help="Minimum age, such as 30d, 12h or 15m")],
    store: StoreOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove the files (default: list them)")] = False,
) -> None:
    """Remove old stagings, runs, parity checks and temporary files from a store, but no staging in use."""
    from shared.run.clean import find_old, parse_age, remove

    url, age = make_job(store_url=store).store_url, parse_age(older_than)
    names = find_old(url, age)
    for name in names:
        typer.echo(f"{url}/{name}")
    if not yes:
        typer.echo(f"{len(names)} to remove; add --yes to remove them", err=True)
        return
    for name in remove(url, names, age):
        typer.echo(f"kept, because it was just used: {url}/{name}", err=True)
