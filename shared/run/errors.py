"""The two kinds of failure, worth retrying or not. Each takes one string: that is all the engines carry.

What does not print in it is escaped: it may quote a file, and goes to terminals, logs and pages.
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
    """Something outside the data went wrong; the same work may succeed on another attempt."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class TerminalError(Exception):
    """The input or the use is wrong; retrying cannot help. Where an engine can skip the retries, it does."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class StoreError(TransientError):
    """The store does not answer or fails: nothing can be committed until it works again."""


class StoreUnusableError(TerminalError):
    """The store cannot be used as it is: it is none, may not be written, or has lost the run."""


class StoppedError(Exception):
    """A person has stopped a command; the text says what its work left."""


class ShardsFailedError(TransientError):
    """Shards failed; those that did not are committed, so the same run can be resumed."""

    @classmethod
    def of(cls, run_id: str, failures: Mapping[int, BaseException], num_shards: int, max_retries: int) -> Self:
        """The error of a run, with one line for each failed shard, at most ``SHOWN``.

        Args:
            run_id: Of the run.
            failures: By shard.
            num_shards: All shards of the run; those that did not fail are committed.
            max_retries: What each failed shard had, unless its error is terminal.
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
    """What ``verify`` found of a run that has finished, at most ``SHOWN`` problems, in one text."""
    more = [f"and {len(problems) - SHOWN:,} more"] if len(problems) > SHOWN else []
    told = "".join(f"\n  {problem}" for problem in [*problems[:SHOWN], *more])
    return f"verify of the pipeline {pipeline} finds problems:{told}\nThe run has finished; its output is published."


def explained(error: BaseException) -> str:
    """An error in one text: its type, its message, and where it was raised if it is none of ours."""
    return f"{type(error).__name__}: {error}{_where(error)}"


def _where(error: BaseException) -> str:
    """Where an error that is none of ours was raised; one of another process has its traceback as a note."""
    if isinstance(error, TransientError | TerminalError):
        return ""
    told = [*traceback.format_tb(error.__traceback__), *getattr(error, "__notes__", [])]
    lines = _LINE.findall("".join(told))
    return f" ({lines[-1][0]}, line {lines[-1][1]})" if lines else ""
