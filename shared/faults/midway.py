"""Acts in the middle of a pipeline's work, or of the first longer function that a short one calls."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.tracing.own_code import OwnCode
from shared.tracing.tracer import following, new_tracer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

SHORT = 4  # lines; a shorter function only calls others


class _Middle:
    """Counts the lines that this thread executes, and acts once."""

    def __init__(self, work: CodeType | None, act: Callable[[], None]) -> None:
        self._act, self._acted = act, False
        self._only = work if work and len(_lines(work)) > SHORT else None

    def line(self, code: CodeType, line: int) -> None:
        """Count a line that is about to be executed."""
        lines = _lines(code)
        if self._only in {None, code} and len(lines) > SHORT and line >= lines[len(lines) // 2]:
            self.act()

    def raised(self) -> None:
        """What the action raises needs no evidence."""

    def note(self, text: str) -> None:
        """Ignore notes about code that is not followed."""

    def act(self) -> None:
        """Act, unless it has already acted."""
        if not self._acted:
            self._acted = True
            self._act()


def _lines(code: CodeType) -> list[int]:
    return sorted({number for _, _, number in code.co_lines() if number})


@contextmanager
def in_the_middle(work: Callable[..., Any], act: Callable[[], None]) -> Iterator[None]:
    """Act once while the block calls a function.

    Args:
        work: The function whose lines count, with functions in the same module that it calls.
        act: What to do.
    """
    own, middle = OwnCode(), _Middle(getattr(inspect.unwrap(work), "__code__", None), act)
    own.add(work)
    tracer, token = new_tracer(own), following.set(middle)
    tracer.enter()
    try:
        yield
    finally:
        tracer.leave()
        following.reset(token)
    middle.act()
