"""Errors that a retry may fix, and errors that it cannot. Each has one string, because engines pass on nothing else.

Unprintable characters are escaped, because a message may quote a file and is shown in terminals, logs and pages.
"""

from __future__ import annotations

import re
import traceback
from typing import TYPE_CHECKING, Self

from shared.run.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHOWN = 20  # failed shards in one message
_LINE = re.compile(r'File "([^"]+)", line (\d+)')


class TransientError(Exception):
    """Something outside the data failed; another attempt may succeed."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class TerminalError(Exception):
    """The input or the use is wrong, so a retry cannot help. It is not retried if the engine supports that."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class StoreError(TransientError):
    """The store does not answer or fails; nothing can be committed until it works again."""


class StoreUnusableError(TerminalError):
    """The folder or bucket cannot be used as a store: it is not one, is not writable, or no longer has the run."""


class StoppedError(Exception):
    """A person stopped a command; the message says what remains."""


class ShardsFailedError(TransientError):
    """Shards failed. The others are committed, so the run can be resumed."""

    @classmethod
    def of(cls, run_id: str, failures: Mapping[int, BaseException], num_shards: int, max_retries: int) -> Self:
        """Return the error of a run, with one line per failed shard, at most ``SHOWN``.

        Args:
            run_id: The run's id.
            failures: The error of each failed shard.
            num_shards: The number of shards; those that did not fail are committed.
            max_retries: The retries of each failed shard, unless its error is terminal.
        """
        retried = max_retries > 0 and not all(isinstance(error, TerminalError) for error in failures.values())
        lines = [f"  shard {shard}: {explained(error)}" for shard, error in sorted(failures.items())]
        more = [f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        told = "\n".join([*lines[:SHOWN], *more])
        kept = f"The others are committed; run again with run_id {run_id} to do only these."
        return cls(
            f"{len(failures)} of the run's shards failed{' after all retries' if retried else ''}:\n{told}\n"
            f"{kept if len(failures) < num_shards else f'No shard is committed; run again with run_id {run_id}.'}"
        )


def found_outside(pipeline: str, problems: Sequence[str]) -> str:
    """Return the problems that ``verify`` found after a run, at most ``SHOWN``, in one text."""
    more = [f"and {len(problems) - SHOWN:,} more"] if len(problems) > SHOWN else []
    told = "".join(f"\n  {problem}" for problem in [*problems[:SHOWN], *more])
    return f"verify of the pipeline {pipeline} finds problems:{told}\nThe run has finished; its output is published."


def explained(error: BaseException) -> str:
    """Return an error as one text: type, message, and for foreign errors the place where it was raised."""
    return f"{type(error).__name__}: {error}{_where(error)}"


def _where(error: BaseException) -> str:
    """Return where a foreign error was raised; an error of another process has its traceback as a note."""
    if isinstance(error, TransientError | TerminalError):
        return ""
    told = [*traceback.format_tb(error.__traceback__), *getattr(error, "__notes__", [])]
    lines = _LINE.findall("".join(told))
    return f" ({lines[-1][0]}, line {lines[-1][1]})" if lines else ""
