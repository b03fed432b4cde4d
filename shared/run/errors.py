"""The two kinds of failure, worth retrying or not. Each takes one string: that is all the engines carry.

What does not print in it is escaped: it may quote a file, and goes to terminals, logs and pages.
"""

from __future__ import annotations

import re
import traceback
from typing import Self

from shared.run.printable import printable

_LINE = re.compile(r'File "([^"]+)", line (\d+)')


class TransientError(Exception):
    """Something outside the data went wrong; the same work may succeed on another attempt."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class TerminalError(Exception):
    """The input or the use is wrong; retrying cannot help. Where an engine can skip the retries, it does."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class StoppedError(Exception):
    """A person has stopped a command; the text says what became of its work."""


class ShardsFailedError(TransientError):
    """Shards failed after all retries; all others are committed, so the same run can be resumed."""

    @classmethod
    def of(cls, run_id: str, failures: dict[int, BaseException]) -> Self:
        """The error of a run, with one line for each failed shard."""
        lines = "\n".join(
            f"  shard {shard}: {type(error).__name__}: {error}{_where(error)}"
            for shard, error in sorted(failures.items())
        )
        return cls(
            f"{len(failures)} of the run's shards failed after all retries:\n{lines}\n"
            f"The others are committed; run again with run_id {run_id} to do only these."
        )


def _where(error: BaseException) -> str:
    """Where an error that is none of ours was raised; one of another process has its traceback as a note."""
    if isinstance(error, TransientError | TerminalError):
        return ""
    told = [*traceback.format_tb(error.__traceback__), *getattr(error, "__notes__", [])]
    lines = _LINE.findall("".join(told))
    return f" ({lines[-1][0]}, line {lines[-1][1]})" if lines else ""
