"""Shows the progress of a run, read from the store: a spinner, then a bar over the shards."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from shared.run.run import Run
from shared.run.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

    from shared.run.job import Job

INTERVAL = 0.2  # seconds between two reads of the store

console = Console(stderr=True)


@contextmanager
def shown(job: Job, waiting_for: str) -> Iterator[None]:
    """Show the progress of a job while the block runs, on a terminal only.

    Args:
        job: The job; its committed shards are counted in its store.
        waiting_for: The spinner's text until the run is opened.
    """
    if not console.is_terminal:
        yield
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    stop = threading.Event()
    with Progress(*columns, console=console, transient=True) as progress:
        watcher = threading.Thread(target=_watch, args=(progress, job, waiting_for, stop), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()


def _watch(progress: Progress, job: Job, waiting_for: str, stop: threading.Event) -> None:
    run = Run(job, open_store(job.store_url))
    bar = progress.add_task(waiting_for, total=job.num_shards)
    while not stop.wait(INTERVAL):
        done = len(run.committed())
        opened = "job.json" in run.store.names(run.name("").rstrip("/"))
        progress.update(bar, completed=done, description=_phase(done, job, waiting_for, opened=opened))


def _phase(done: int, job: Job, waiting_for: str, *, opened: bool) -> str:
    if not opened:
        return waiting_for
    if done == 0:
        return "staging the inputs"
    return "aggregating" if done == job.num_shards else "processing shards"
