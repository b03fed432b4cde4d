"""What the Prefect UI shows of a merge: progress while it goes, then shards, a summary with a timeline, the output.

Everything is read back from the store, so what the UI says is what was committed. An artifact that cannot be published
is a warning in the run's log: it never fails a merge.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Self, cast

from prefect import get_run_logger
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.on_prefect import timeline
from flows.summary import summary_of
from shared.run.ledger import read_attempts, shard_step
from shared.run.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from shared.run.run import JsonObject

# Fixed keys: the UI keeps one history for each, over all runs.
PROGRESS, SHARDS, SUMMARY, OUTPUT = "merge-progress", "merge-shards", "merge-summary", "merge-output"
BETWEEN_UPDATES = 1.0  # seconds; each update is a request of about 10 ms


class Progress:
    """The share of a run's shards that have ended, published beside the work: a quick run does not wait for it."""

    def __init__(self, job: JsonObject, remaining: int) -> None:
        """Start where the run is.

        Args:
            job: An opened job.
            remaining: Its shards that are not committed yet.
        """
        self._total: int = job["num_shards"]
        self._ended: int = self._total - remaining
        self._description = f"Shards of run {job['run_id']}"
        self._stop = threading.Event()
        # In the flow's context, so that its logger and its run are known there.
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
        """Count one more shard that has ended."""
        self._ended += 1

    def _publish(self) -> None:
        with _tolerated(PROGRESS):
            shown = self._percent
            artifact = cast("UUID", create_progress_artifact(shown, key=PROGRESS, description=self._description))
            stopped = False
            while not stopped:
                stopped = self._stop.wait(BETWEEN_UPDATES)
                if shown != (shown := self._percent):
                    update_progress_artifact(artifact, shown)

    @property
    def _percent(self) -> float:
        return 100 * self._ended / self._total


def publish(job: JsonObject) -> None:
    """Publish the shards, the summary and the output of an opened run as its store has them, finished or not."""
    with _tolerated(SUMMARY):
        run = Run.of(job)
        attempts = read_attempts(run.store, run.job.run_id)
        manifests = {manifest["shard_id"]: manifest for manifest in run.manifests()}
        redact = bool(run.job.parameters.get("redact"))
        rows = [_shard_row(shard, manifests.get(shard), attempts, redact=redact) for shard in range(run.job.num_shards)]
        create_table_artifact(rows, key=SHARDS, description=f"Shards of run {run.job.run_id}")
        create_markdown_artifact(_summary(run, rows, attempts), key=SUMMARY, description=f"Run {run.job.run_id}")
        if run.result() is not None:
            output = run.url(run.output)
            create_link_artifact(output, link_text=output, key=OUTPUT, description=f"Output of run {run.job.run_id}")


@contextmanager
def _tolerated(key: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 — whatever the API or the network says, the merge goes on
        get_run_logger().warning("the artifact %s was not published: %s: %s", key, type(error).__name__, error)


def _shard_row(shard: int, manifest: JsonObject | None, attempts: list[JsonObject], *, redact: bool) -> JsonObject:
    """One row of the table; a shard that is not committed has its last error instead of counts."""
    own = [attempt for attempt in attempts if attempt["step"] == shard_step(shard)]
    committed: JsonObject = manifest or {"facts": {}, "elapsed_ms": None, "digest": None}
    return {
        "shard": shard_step(shard),
        "state": "committed" if manifest else "not committed",
        "attempts": len(own),
        "elapsed_ms": committed["elapsed_ms"],
        "last error": _last_error(own, redact=redact),
        **{name: value for name, value in committed["facts"].items() if isinstance(value, int | float | str)},
        "digest": committed["digest"],
    }


def _last_error(attempts: list[JsonObject], *, redact: bool) -> str:
    """The latest error of a shard's attempts, one line; only its type where messages may not be shown."""
    errors = [attempt["end"]["error"] for attempt in attempts if (attempt["end"] or {}).get("error")]
    if not errors:
        return ""
    latest: str = errors[-1]
    return latest.split(":", maxsplit=1)[0] if redact else latest.splitlines()[0]


def _summary(run: Run, rows: list[JsonObject], attempts: list[JsonObject]) -> str:
    result = run.result()
    current = [attempt for attempt in attempts if attempt["invocation"] == run.job.invocation]
    picture = timeline.data_uri(timeline.draw(current))
    facts = _finished(run, result) if result else _unfinished(run, rows)
    return f"{facts}\n\n## Attempts of start {run.job.invocation}\n\n![timeline of the attempts]({picture})\n"


def _finished(run: Run, result: dict[str, Any]) -> str:
    facts = summary_of(run.pipeline, result) | {"output is in": f"`{result['output']}`"}
    rows = "\n".join(f"| {label} | {_cell(text)} |" for label, text in facts.items())
    return f"# {result['run_id']}: done\n\n| result | |\n|---|---|\n{rows}"


def _cell(text: str) -> str:
    """A text as a cell of a Markdown table, its lines kept."""
    return text.replace("|", "\\|").replace("\n", "<br>")


def _unfinished(run: Run, rows: list[JsonObject]) -> str:
    failed = [row for row in rows if row["state"] != "committed"]
    lines = "\n".join(
        f"| {row['shard']} | {row['attempts']} | {row['last error'].replace('|', ' ')} |" for row in failed
    )
    committed = f"{len(rows) - len(failed)} of {len(rows)} shards are committed and stay so."
    return (
        f"# {run.job.run_id}: not finished\n\n{committed} Retry this flow run, or run again with the run_id "
        f"`{run.job.run_id}`, to do only these:\n\n"
        f"| shard | attempts | last error |\n|---|---|---|\n{lines}"
    )
