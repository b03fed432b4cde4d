"""Each way to write something as a task of an app; a task is not told which attempt it is."""

from __future__ import annotations

import work  # type: ignore[import-not-found] # beside this file, where it runs
from render import Retry, TaskContext, Workflows

app = Workflows(default_retry=Retry(max_retries=2, wait_duration_ms=50, backoff_scaling=1.0))


def register(name: str) -> None:
    """Add the task of one way."""

    def do(_ctx: TaskContext, number: int) -> None:
        getattr(work, name)(number, 1)

    globals()[name] = app.task(name=name)(do)


for write in work.ALL:
    register(write.__name__)

if __name__ == "__main__":
    app.start()
