"""A process that has imported every engine and forks one start of a run for each line it reads.

A start takes what it would take in a process of its own, its imports excepted: hundreds of them fit into minutes. The
line names ``engine``, ``job``, ``env``, and the files ``log`` and ``answer``; the process id is printed.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import prefect.flow_engine
import prefect.task_engine  # noqa: F401 — Prefect imports both with the first run

import shared.customers.pipeline  # noqa: F401 — what counts is that it is imported
from flows.registry import ENGINES
from shared.run import steps
from shared.run.job import Job

WORKERS = 2  # shards at a time
FAILED = 1


def main() -> None:
    """Fork until standard input ends; in a fork, be the start and end like any process."""
    steps.preload()
    gc.freeze()  # a fork that looked at them would copy them; DuckDB says in its log that it leaks
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the forks are not waited for
    print("ready", flush=True)  # noqa: T201 — read by who started this
    for line in sys.stdin:
        start = json.loads(line)
        pid = os.fork()
        if not pid:
            _be(start)
            return
        print(pid, flush=True)  # noqa: T201 — the same


def _be(start: dict[str, Any]) -> None:
    _settle(start)
    answer = Path(start["answer"])
    try:
        result = ENGINES[start["engine"]].run(Job.from_json(start["job"]), WORKERS)
    except BaseException as error:  # noqa: BLE001 — it ends the process, as of a command
        traceback.print_exc()
        answer.write_text(json.dumps({"error": f"{type(error).__name__}: {error}"}))
        sys.exit(FAILED)
    answer.write_text(json.dumps({"result": result}, default=str))


def _settle(start: dict[str, Any]) -> None:
    """Take the place of a process that a shell has started: a session, an environment, files of its own."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(start["env"])
    tempfile.tempdir = None
    nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(start["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    logging.getLogger("shardwise").setLevel("INFO")


if __name__ == "__main__":
    main()
