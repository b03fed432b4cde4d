"""The artifacts of a run: progress, then a summary with a timeline, shards, rejects, output.

All values are read from the store, so the UI shows what was committed. An artifact that cannot be published is a
warning in the run's log, and never fails a run.
"""

from __future__ import annotations

import csv
import threading
from contextlib import contextmanager
from contextvars import copy_context
from io import StringIO
from typing import TYPE_CHECKING, Self, cast
from uuid import UUID

from prefect import get_run_logger, runtime
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType

from flows.on_prefect.ui import timeline
from flows.on_prefect.ui.bars import drawn
from shared.drawing.quoting import block, code, plain
from shared.run.attempts import Attempt, read_attempts
from shared.run.printable import printable
from shared.run.run import Run
from shared.run.step_names import shard_step
from shared.run.summary import summary_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.job import Job
    from shared.run.manifest import Manifest
    from shared.run.run import JsonObject

# Prefixed with the pipeline's name, because the UI keeps one history per key.
PROGRESS, SHARDS, SUMMARY, REJECTS, OUTPUT = "progress", "shards", "summary", "rejects", "output"
REJECTS_FILE, REJECTS_SHOWN = "rejects.csv", 1_000  # an optional file of a pipeline; rows shown in the UI
BETWEEN_UPDATES = 1.0  # seconds; each update is a request of about 10 ms


class Progress:
    """The share of committed shards, published in the background, so that short runs do not wait for it."""

    def __init__(self, job: Job, remaining: int, prefix: str = "") -> None:
        """Start where the run is.

        Args:
            job: The opened job.
            remaining: The shards that are not committed.
            prefix: The prefix of the artifact's key.
        """
        self._total: int = job.num_shards
        self._committed: int = self._total - remaining
        self._key = _key(Run.of(job), PROGRESS, prefix)
        self._description = f"{_name()}: committed shards"
        self._stop = threading.Event()
        # in the flow's context, which has its logger and its run
        self._thread = threading.Thread(target=copy_context().run, args=(self._publish,), daemon=True)

    def __enter__(self) -> Self:
        """Show it."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Show it for the last time."""
        self._stop.set()
        self._thread.join()

    def advance(self) -> None:
        """Count a committed shard; the last one is shown at once."""
        self._committed += 1
        if self._committed == self._total:
            self._stop.set()

    def _publish(self) -> None:
        with _tolerated(PROGRESS):
            shown = self._percent
            artifact = cast("UUID", create_progress_artifact(shown, key=self._key, description=self._description))
            stopped = False
            while not stopped:
                stopped = self._stop.wait(BETWEEN_UPDATES)
                if shown != (shown := self._percent):
                    update_progress_artifact(artifact, shown)

    @property
    def _percent(self) -> float:
        return 100 * self._committed / self._total


class Summary:
    """Publishes the result of a run, however it ended: summary, shards, rejects and output, as in the store.

    Attributes:
        job: The job; the opened job as soon as there is one.
    """

    def __init__(self, job: Job, prefix: str = "") -> None:
        """The job is not opened yet."""
        self.job, self._prefix = job, prefix

    def __enter__(self) -> Self:
        """Show nothing yet."""
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Show it."""
        with _tolerated(SUMMARY):
            publish(Run.of(self.job), error, self._prefix)


def publish(run: Run, error: BaseException | None, prefix: str = "") -> None:
    """Publish the result of a run, titled with the flow run's name.

    Args:
        run: The run; it has no attempts before it is opened.
        error: The error that ended it; None if it has finished.
        prefix: The prefix of the artifacts' keys.
    """
    attempts = read_attempts(run.store, run.job.run_id)
    current = [attempt for attempt in attempts if attempt.invocation == run.job.invocation]
    rows, name = shard_rows(run, attempts), _name()
    how = _how(error) if error else "done"
    parts = [f"# {name}: {how}", told_of(run, error, how, rows), *_timeline(run, current)]
    create_markdown_artifact("\n\n".join(parts), key=_key(run, SUMMARY, prefix), description=f"{name}: {how}")
    if current:
        create_table_artifact(rows, key=_key(run, SHARDS, prefix), description=f"{name}: shards")
        _publish_rejects(run, prefix)
    if error is None:
        create_markdown_artifact(
            code(run.url(run.output)), key=_key(run, OUTPUT, prefix), description=f"{name}: output"
        )


def _key(run: Run, name: str, prefix: str) -> str:
    """Return an artifact's key, which may contain lower-case letters, digits and dashes."""
    return f"{prefix}{run.pipeline.name.lower()}-{name}"


def _name() -> str:
    """Return the flow run's name as plain text, because any user can choose it."""
    return plain(runtime.flow_run.name or "")


def _how(error: BaseException) -> str:
    """Return how a run with an error ended: ``failed``, ``cancelled`` or ``stopped``."""
    if isinstance(error, Exception):
        return "failed"
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(runtime.flow_run.id)).state
    return "cancelled" if state and state.type in {StateType.CANCELLING, StateType.CANCELLED} else "stopped"


@contextmanager
def _tolerated(key: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 — whatever the API or the network says, the run does not fail for it
        get_run_logger().warning("the artifact %s was not published: %s: %s", key, type(error).__name__, error)


def shard_rows(run: Run, attempts: list[Attempt]) -> list[JsonObject]:
    """Return one row per shard; the most important columns are first, because the UI cuts off wide tables."""
    manifests = {manifest.shard_id: manifest for manifest in run.manifests()}
    by_step: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_step.setdefault(attempt.step, []).append(attempt)
    steps = {shard: shard_step(shard) for shard in range(run.job.num_shards)}
    return [_shard_row(step, manifests.get(shard), by_step.get(step, [])) for shard, step in steps.items()]


def _shard_row(step: str, manifest: Manifest | None, attempts: list[Attempt]) -> JsonObject:
    facts = manifest.facts if manifest else {}
    numbers = {printable(name): each for name, each in facts.items() if isinstance(each, int | float)}
    numbers.pop("shard_id", None)
    return {
        "shard": step,
        "state": "committed" if manifest else "not committed",
        "attempts": len(attempts),
        **numbers,  # no texts, because they may be data
        "elapsed_ms": manifest.elapsed_ms if manifest else None,
        "last error": _last_error(attempts),
        "digest": manifest.digest if manifest else None,
    }


def _last_error(attempts: list[Attempt]) -> str:
    """Return the latest error of some attempts in one line, as in the log."""
    errors = [attempt.error for attempt in attempts if attempt.error]
    return printable(errors[-1].splitlines()[0]) if errors else ""


def _publish_rejects(run: Run, prefix: str) -> None:
    """Publish the rejected rows of a pipeline that has some: place and reason, without their values."""
    try:
        text = run.store.read(run.name(REJECTS_FILE)).decode()
    except FileNotFoundError:
        return
    rows = csv.DictReader(StringIO(text))
    found = [{name: printable(str(cell or "")) for name, cell in row.items() if name != "value"} for row in rows]
    if found:
        shown = f"the first {REJECTS_SHOWN:,} of {len(found):,}" if len(found) > REJECTS_SHOWN else f"{len(found):,}"
        description = f"{_name()}: rejects, {shown}. With their values: {code(run.url(REJECTS_FILE))}"
        create_table_artifact(found[:REJECTS_SHOWN], key=_key(run, REJECTS, prefix), description=description)


def _timeline(run: Run, attempts: list[Attempt]) -> list[str]:
    """Return the attempts of one start as a section; empty without attempts."""
    if not attempts:
        return []
    picture = timeline.of_attempts(attempts)
    return [f"## Attempts of start {run.job.invocation}", f"![timeline of the attempts]({picture})"]


def told_of(run: Run, error: BaseException | None, how: str, rows: list[JsonObject]) -> str:
    """Return the result of a run as Markdown.

    Args:
        run: The run.
        error: The error that ended it; None if it has finished.
        how: How it ended, in one word.
        rows: The rows of its shards.
    """
    return _ended(run, error, how, rows) if error else _finished(run)


def _finished(run: Run) -> str:
    result = run.result() or {}
    rows = [f"| {plain(label)} | {drawn(text)} |" for label, text in summary_of(run.pipeline, result).items()]
    return "\n".join(["| result | |", "|---|---|", *rows, f"| output is in | {code(result['output'])} |"])


def _ended(run: Run, error: BaseException, how: str, rows: list[JsonObject]) -> str:
    """Return the error, the missing shards, and what to do."""
    missing = [row for row in rows if row["state"] != "committed"]
    said = block(f"{type(error).__name__}: {error}")
    parts = ["This run was cancelled on Prefect's server." if how == "cancelled" else said]
    if len(missing) < len(rows):
        parts.append(
            f"{len(rows) - len(missing)} of {len(rows)} shards are committed and stay so. Retry this flow run, or run "
            f"again with the run_id {code(run.job.run_id)}, to do only what is missing."
        )
    if failed := [row for row in missing if row["attempts"]]:
        cells = "\n".join(f"| {row['shard']} | {row['attempts']} | {plain(row['last error'])} |" for row in failed)
        parts.append(f"| shard | attempts | last error |\n|---|---|---|\n{cells}")
    return "\n\n".join(parts)
