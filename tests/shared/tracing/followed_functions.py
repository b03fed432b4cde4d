"""Functions that tests follow: one of each kind, with a helper in the same file."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


COUNTED: list[int] = []  # by the generators


def helper(number: int) -> int:
    """Add one."""
    return number + 1


def plain(numbers: list[int]) -> int:
    """Sum the numbers, each plus one."""
    total = 0
    for number in numbers:
        total += helper(number)
    return total


def takes_last(numbers: list[int]) -> int:
    """Take one number away from those it was given."""
    return numbers.pop()


def handles(numbers: list[int]) -> str:
    """Report the result of the work."""
    try:
        plain(numbers)
    except TimeoutError:
        return "timed out"
    return "done"


async def coroutine(number: int) -> int:
    """Wait a moment, then add one."""
    await asyncio.sleep(0)
    return helper(number)


def generator(count: int) -> Iterator[int]:
    """Yield numbers from one."""
    for number in range(count):
        COUNTED.append(number)
        yield helper(number)


async def async_generator(count: int) -> AsyncIterator[int]:
    """Yield numbers from one."""
    for number in range(count):
        await asyncio.sleep(0)
        COUNTED.append(number)
        yield helper(number)


def starts_thread() -> None:
    """Call the helper in another thread."""
    thread = threading.Thread(target=helper, args=(1,))
    thread.start()
    thread.join()


def starts_process() -> None:
    """Run a command."""
    subprocess.run(["true"], check=True)


def sets_trace() -> None:
    """Replace the trace function."""
    sys.settrace(lambda *_: None)
    helper(1)
