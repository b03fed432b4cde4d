"""Structured lines: one when an attempt starts, one when it ends, as ``key=value`` pairs."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.job import Job

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]

OURS = logging.getLogger("shardwise")  # where no engine brings another


@contextmanager
def attempt_lines(logger: Logger, job: Job, step: str, attempt: int) -> Iterator[None]:
    """Log the start and the end of the block.

    Args:
        logger: Where to; an engine's own makes the lines show in its UI.
        job: An opened job.
        step: ``stage`` or a shard's step.
        attempt: Counts from 1 within this start of the run.
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
