"""What the local Render server shows, and what only Render's cloud can; the README has the same table."""

from __future__ import annotations

_ROWS = (
    (
        "a fresh process per attempt, nothing kept between two",
        "yes, forked from one that has the app imported",
        "yes",
    ),
    ("retries and their waits, from the tasks' own declarations", "yes", "yes"),
    ("retries of a task that declares none", "none; 3 with `--like-cloud`", "3"),
    (
        "`timeout_seconds`",
        "with `--like-cloud`: killed, failed, retried; from 1 s",
        "30 s to 24 h, shorter ones are refused",
    ),
    (
        "concurrent runs",
        "no limit; the cores, or `--max-concurrency N`, with `--like-cloud`",
        "by plan and workspace",
    ),
    ("arguments up to 4 MB", "with `--like-cloud`", "yes"),
    ("idempotency keys", "while the server runs", "24 hours"),
    ("run ids in the task's context, logs, events, cancelling", "yes", "yes"),
    ("a `kill -9` of a worker", "yes, it fails the attempt only", "not under your control"),
    (
        "plans (`starter` 0.5 CPU and 512 MB, `standard` 1 CPU and 2 GB)",
        "declared, not enforced",
        "yes",
    ),
    ("start-up time, queueing and price of a task's own machine", "no", "yes"),
    (
        "no disk in common: the store must be a bucket",
        "no, only that a local one is refused when `RENDER=true`",
        "yes",
    ),
    ("deploys, versions, dashboard, regions, API keys", "no", "yes"),
)


def cloud_rows() -> list[dict[str, str]]:
    """One row per behaviour: ``what``, on the local server (``here``), on the ``cloud``."""
    return [{"what": what, "here": here, "cloud": cloud} for what, here, cloud in _ROWS]
