"""Each way to write something as a flow of one task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import work  # type: ignore[import-not-found] # beside this file, where it runs
from prefect import flow, runtime, task

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect import Flow


def made(write: Callable[[int, int], None]) -> Flow[[], None]:
    """A flow that writes in one way."""

    @task(name=write.__name__, retries=1)
    def do(number: int) -> None:
        write(number, runtime.task_run.run_count + runtime.flow_run.run_count)

    @flow(name=f"flow-{write.__name__.replace('_', '-')}")
    def nightly() -> None:
        do(7)

    return nightly


globals().update({write.__name__: made(write) for write in work.ALL})
