"""What the local Render server shows, and what only Render's cloud shows. The README has the same table.

Statements about the cloud come from its documentation and were not observed. Flows with checkpointed steps, which SDK
1.7 adds, are not compared; SDK 1.5 was the latest that could be installed.
"""

from __future__ import annotations

from flows.engine.facts import Table

CHECKED = "2026-11-25"
DOCS = "https://render.com/docs"
INTRO, TASKS, BOUNDS = f"{DOCS}/workflows", f"{DOCS}/workflows-defining-tasks", f"{DOCS}/workflows-limits"
FLOWS, RUNNING = f"{DOCS}/workflows-defining-flows", f"{DOCS}/workflows-running"
API = "https://api-docs.render.com"
BLUEPRINTS = "https://render.com/changelog/added-blueprint-support-for-render-workflows"

PLANS = (
    "`flex` (up to 1 CPU and 4 GB, billed by active CPU and memory), `starter` (0.5 CPU and 512 MB), `standard` (1 CPU "
    "and 2 GB, the default), `2c-4g` (once `pro`), `2c-8g`, `4c-8g`, `4c-16g`"
)

_ROWS = (
    (
        "a fresh process per attempt, nothing kept between two",
        "yes, forked from one that has the app imported",
        "yes, an instance of its own",
        INTRO,
    ),
    ("retries and their waits, from the tasks' own declarations", "yes", "yes", TASKS),
    (
        "retries of a task that declares none",
        "none; 3 after 1, 2 and 4 s with `--like-cloud`",
        "3 after 1, 2, 4 s",
        TASKS,
    ),
    (
        "`timeout_seconds`",
        "with `--like-cloud`: killed, failed, retried; from 1 s, 2 h where none is declared",
        "30 s to 24 h, shorter ones are refused; 2 h where none is declared",
        TASKS,
    ),
    (
        "concurrent runs",
        "no limit; the cores, or `--max-concurrency N`, with `--like-cloud`; the others wait as `pending`",
        "20 (Hobby), 50 (Pro), 100 (Scale, Enterprise) in a workspace, more for a monthly price; the others wait",
        BOUNDS,
    ),
    ("arguments of a run", "up to 4 MB with `--like-cloud`", "up to 4 MB together", BOUNDS),
    ("results of a run", "no limit", "no limit is documented; passed on, a result is an argument", TASKS),
    ("task definitions of a workflow", "no limit", "500", BOUNDS),
    ("lists of runs", "whole; pages of 20, at most 100, with `--like-cloud`", "pages of 20, at most 100", API),
    ("idempotency keys", "24 hours, while the server runs", "24 hours, per workflow", API),
    ("how long arguments and results are kept", "while the server runs", "30 days, billed per GB", BOUNDS),
    (
        "versions of a task (`workflow/task:version`)",
        "none: each start runs the code as it is",
        "yes, else the latest",
        API,
    ),
    (
        "what a task is called",
        "its name, with any workflow's slug in front or none",
        "`slug/name`; the slug is the workflow's name, with letters appended where that is taken",
        RUNNING,
    ),
    (
        "run ids in the task's context, logs, events, cancelling",
        "yes; the official local server gives a task its run ids since version 2.29",
        "yes",
        API,
    ),
    ("a `kill -9` of a worker", "yes, it fails the attempt only", "not under your control", ""),
    (
        "plans",
        "declared, not enforced",
        PLANS,
        TASKS,
    ),
    ("start-up time, queueing and price of a task's own machine", "no", "yes", BOUNDS),
    (
        "no disk in common: the store must be a bucket",
        "no, only that a local one is refused when `RENDER=true`",
        "yes",
        INTRO,
    ),
    (
        "deploys, versions, dashboard, regions, API keys",
        "no",
        "yes; a Blueprint's workflow needs `repo`, has no plan, and is left out of preview environments",
        BLUEPRINTS,
    ),
    ("flows with checkpointed steps (SDK 1.7 and later)", "no: not compared", "yes", FLOWS),
)


LIMITS = Table(
    "What the local stand-in for Render can say about the cloud",
    ("behaviour", "local stand-in", "cloud", "documented"),
    tuple((what, here, cloud, f"{page} ({CHECKED})" if page else "") for what, here, cloud, page in _ROWS),
)
