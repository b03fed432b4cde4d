"""The structured lines around an attempt."""

from __future__ import annotations

import logging
import re

import pytest

from shared.run.job import Job
from shared.run.log import attempt_lines

logger = logging.getLogger("tests.log")
JOB = Job("night", "/data", "/store")


def test_an_attempt_is_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    """One at the start, one at the end, with run, step, attempt and milliseconds as key=value pairs."""
    with caplog.at_level("INFO", "tests.log"):
        with attempt_lines(logger, JOB, "shard-003", 2):
            assert len(caplog.records) == 1
        first, last = [record.getMessage() for record in caplog.records]
    assert first == "event=attempt_started run_id=night step=shard-003 attempt=2"
    assert re.fullmatch(r"event=attempt_done run_id=night step=shard-003 attempt=2 elapsed_ms=\d+", last)


def test_a_failed_attempt_says_why(caplog: pytest.LogCaptureFixture) -> None:
    """The last line is a warning with the error, in one line even when the message has several."""
    with caplog.at_level("INFO", "tests.log"), pytest.raises(ValueError, match="two"):
        fail()
    last = caplog.records[-1]
    assert last.levelname == "WARNING"
    wanted = r"event=attempt_failed run_id=night step=stage attempt=1 elapsed_ms=\d+ error='ValueError: two\\nlines'"
    assert re.fullmatch(wanted, last.getMessage())


def fail() -> None:
    """An attempt that fails."""
    with attempt_lines(logger, JOB, "stage", 1):
        raise ValueError("two\nlines")
