"""Waiting for a condition, shared by all tests that start something."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], *, timeout: float, what: str) -> T:
    """Wait until a condition holds, and return what it returned.

    A sleep of fixed length is either too short on a busy machine, and the test fails, or too long on a free one, and
    the suite crawls. Waiting for the condition itself is as quick as the machine, and a long deadline costs nothing.

    Args:
        predicate: Called every few milliseconds until it returns something true.
        timeout: Seconds after which the condition counts as missed.
        what: What is waited for, as the failure names it.

    Raises:
        AssertionError: The deadline passed.
    """
    deadline = time.monotonic() + timeout
    pause = 0.005
    while not (value := predicate()):
        assert time.monotonic() < deadline, f"waited {timeout:g} s in vain for {what}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return value
