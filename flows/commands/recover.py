"""``shardwise recover``: marks flow runs whose process has died as Crashed, which frees their slots."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer


def recover(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Names or ids of flow runs; default: all silent ones")
    ] = None,
) -> None:
    """Mark flow runs on Prefect whose process has died as Crashed. This frees their slots, so that you can retry them.

    Without names, it marks all runs of this project that sent no heartbeat for ten minutes.
    """
    from flows.on_prefect.operations import crash  # imported here, because Prefect takes a second
    from flows.on_prefect.server import explained, required_url

    required_url()
    with explained():
        found = crash.named(runs) if runs else crash.silent()
        for run in found:
            marked = crash.mark(run, "`shardwise recover`: its process is gone")
            typer.echo(f"{run.name} was {run.state_name} and is {marked} now; {crash.resume_hint(run)}")
    if not found:
        typer.echo(f"no run has been silent for {crash.SILENCE // timedelta(minutes=1)} minutes")
