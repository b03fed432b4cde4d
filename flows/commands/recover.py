"""``shardwise recover``: marks flow runs whose process is gone as Crashed, which frees the slots that they hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer


def recover(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Names or ids of flow runs; default: the silent ones")
    ] = None,
) -> None:
    """Mark flow runs on Prefect whose process is gone as Crashed, so that their slots are free and they can be retried.

    Name runs whose process you know to be dead. Without names: the runs of this project without a heartbeat for ten
    minutes.
    """
    from flows.on_prefect.operations import crash  # here: Prefect takes a second, and no other command waits for it
    from flows.on_prefect.server import explained, required_url

    required_url()
    with explained():
        found = crash.named(runs) if runs else crash.silent()
        for run in found:
            marked = crash.mark(run, "`shardwise recover`: its process is gone")
            typer.echo(f"{run.name} was {run.state_name} and is {marked} now; {crash.resume_hint(run)}")
    if not found:
        typer.echo(f"no run has been silent for {crash.SILENCE // timedelta(minutes=1)} minutes")
