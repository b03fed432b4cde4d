"""A process that waits for work; whoever asks it learns of its answer, its death or its silence at once.

Each worker has a pipe and one asker at a time: nothing is shared that a kill -9 in the wrong moment could leave locked,
and an end of any kind, exit status 0 included, is seen by the asker itself.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from shared.run.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext

EXIT_TIMEOUT = 5.0  # seconds from the end of a worker's pipe to the end of the worker

Answer = tuple[Exception | None, Any]


class DiedError(Exception):
    """A worker ended instead of answering; the text says how."""


class Worker:
    """One warm process."""

    def __init__(self) -> None:
        """Start it. It dies with this process, and ignores Ctrl-C, which its asker decides about."""
        context = _context()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.is_alive()

    def ask(self, timeout: float, function: Callable[..., Any], *arguments: object) -> Answer:
        """Call a function there.

        Args:
            timeout: Seconds it may take.
            function: Found by its name in an importable module.
            arguments: Plain values.

        Returns:
            What it raised, or None; and what it returned.

        Raises:
            DiedError: The process ended first.
            TimeoutError: It did not answer in time.
        """
        with suppress(BrokenPipeError):
            self._pipe.send((function, arguments))
        if not wait([self._pipe, self._process.sentinel], timeout):
            raise TimeoutError(f"no answer within {timeout:g} s")
        try:
            answer: Answer = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            raise DiedError(self._end()) from error
        return answer

    def kill(self) -> None:
        """End it, whatever it does; its asker sees a death."""
        self._process.kill()

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self.kill()
        self._process.join()
        self._pipe.close()

    def _end(self) -> str:
        self._process.join(EXIT_TIMEOUT)
        code = self._process.exitcode or 0
        return f"killed by signal {-code}" if code < 0 else f"gone with exit status {code}"


def _work(pipe: Connection) -> None:
    """Answer until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        while True:
            function, arguments = pipe.recv()
            _send(pipe, _answer(function, arguments))


def _answer(function: Callable[..., Any], arguments: tuple[object, ...]) -> Answer:
    try:
        return None, function(*arguments)
    except Exception as error:  # noqa: BLE001 — it is raised again where it was asked for
        return error, None


def _send(pipe: Connection, answer: Answer) -> None:
    try:
        pipe.send(answer)
    except (AttributeError, TypeError, ValueError) as error:  # what pickle says of what it cannot carry
        pipe.send((TransientError(f"{answer[0] or answer[1]!r:.200} cannot leave its process: {error}"), None))


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _context() -> ForkServerContext:
    """Workers are forked from a server that has imported what they need and runs no thread: it takes milliseconds."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["shared.isolation.fork_server"])
    return context
