"""Structured log lines: one when an attempt starts and one when it ends, as ``key=value`` pairs."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.job import Job

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]

OURS = logging.getLogger("shardwise")  # used if the engine has no logger


@contextmanager
def attempt_lines(logger: Logger, job: Job, step: str, attempt: int) -> Iterator[None]:
    """Log the start and the end of the block.

    Args:
        logger: The logger; with an engine's logger, its UI shows the lines.
        job: An opened job.
        step: ``stage`` or a shard's step.
        attempt: The number of the attempt within this start of the run, from 1.
    """
    who = f"run_id={job.run_id} step={step} attempt={attempt}"
    started = time.monotonic()
    logger.info("event=attempt_started %s", who)
    try:
        yield
    except BaseException as error:
        elapsed = round((time.monotonic() - started) * 1000)
        logger.warning(
            "event=attempt_failed %s elapsed_ms=%d error=%r", who, elapsed, f"{type(error).__name__}: {error}"
        )
        raise
    logger.info("event=attempt_done %s elapsed_ms=%d", who, round((time.monotonic() - started) * 1000))
