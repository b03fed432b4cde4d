"""A worker process that answers calls. The caller learns at once of an answer, a death or a timeout.

Each worker has its own pipe and one caller at a time, so a ``kill -9`` leaves no shared lock behind, and the caller
sees every kind of end, including exit status 0.
"""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import signal
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import current_process, parent_process, set_start_method
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from shared.isolation.lifetime import adopt_orphans, end_session, has_children
from shared.isolation.server import PREPARED, process_context, starting
from shared.run.errors import TerminalError, TransientError
from shared.run.log import OURS

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from shared.run.log import Logger

EXIT_TIMEOUT = 5.0  # seconds from the end of a worker's pipe to the end of the worker
LOOK = 1.0  # seconds between two checks whether a silent worker is alive
STARTS = 3  # attempts to start a worker while its fork server dies
UNKNOWN = 255  # exit status of a worker whose fork server died; the worker may still run

Answer = tuple[Exception | None, Any]
Message = tuple[Exception | None, Any, str]  # an answer, and the traceback of its error
Reply = tuple[Message, bool]  # a message, and whether processes that the call started are still running


@dataclass(frozen=True)
class LogLine:
    """A log record of a worker, sent while it works on a call."""

    level: int
    text: str


class DiedError(Exception):
    """A worker ended instead of answering; the message says how."""


class Worker:
    """One warm process."""

    def __init__(self) -> None:
        """Start the process. It dies with this process. It ignores Ctrl-C, because the caller decides what to do."""
        self._pipe, self._process = _started()
        self._alone = True  # a new worker has started no processes

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can accept a call."""
        return self._process.is_alive()

    def ask(self, timeout: float, function: Callable[..., Any], *arguments: object, logger: Logger = OURS) -> Answer:
        """Call a function in the worker; processes that the call starts end with it.

        Args:
            timeout: The maximum duration in seconds.
            function: A function of an importable module, found by its name.
            arguments: Plain values.
            logger: Receives what the worker logs to ``OURS``.

        Returns:
            The error that it raised (with the worker's traceback as a note) or None, and the value that it returned.

        Raises:
            DiedError: The process ended first.
            TimeoutError: There was no answer in time.
        """
        self._alone = False
        with suppress(BrokenPipeError):
            self._pipe.send((function, arguments, logger.getEffectiveLevel()))
        deadline = time.monotonic() + timeout
        while isinstance(reply := self._receive(deadline, timeout), LogLine):
            logger.log(reply.level, "%s", reply.text)
        (error, result, note), left = reply
        if left:
            self.stop()
        self._alone = True
        if error is not None:
            error.add_note(note)
        return error, result

    def _receive(self, deadline: float, timeout: float) -> Reply | LogLine:
        ended = False  # a child of the worker can hide this, if it inherited the worker's end of the sentinel
        while not wait([self._pipe, self._process.sentinel], min(LOOK, max(0.0, deadline - time.monotonic()))):
            if ended:
                raise DiedError(self._end())
            if time.monotonic() >= deadline:
                raise TimeoutError(f"no answer within {timeout:g} s")
            ended = not self._process.is_alive()
        try:
            if not self._pipe.poll():
                raise DiedError(self._end())
            reply: Reply | LogLine = self._pipe.recv()
        except (EOFError, ConnectionError) as end:
            raise DiedError(self._end()) from end
        return reply

    def kill(self) -> None:
        """End the worker and all processes that it started; its caller sees a death."""
        if self.pid and (not self._alone or self._process.exitcode == UNKNOWN):
            end_session(self.pid)
        elif self._process.is_alive():
            self._process.kill()

    def stop(self) -> None:
        """End the worker and wait until it is gone."""
        self.kill()
        self._process.join()
        if self._process.exitcode == UNKNOWN:
            self._wait_for_silence()
        self._pipe.close()

    def _wait_for_silence(self) -> None:
        """Wait until the kernel closes the worker's end of the pipe, which means that it is gone."""
        with suppress(EOFError, OSError):
            while self._pipe.poll(EXIT_TIMEOUT):
                self._pipe.recv_bytes()

    def _end(self) -> str:
        self._process.join(EXIT_TIMEOUT)
        code = self._process.exitcode
        self.kill()
        self._alone = True
        if code == UNKNOWN:
            return "killed, since the server that forked it had died"
        return f"killed by signal {-code}" if code and code < 0 else f"gone with exit status {code}"


def _started() -> tuple[Connection, BaseProcess]:
    """Start a process with a pipe to it; repeat if the fork server dies meanwhile."""
    context = process_context()
    for left in reversed(range(STARTS)):
        ours, theirs = context.Pipe()
        try:
            with starting() as environment:
                process = context.Process(target=_work, args=(theirs, environment), daemon=True)
                process.start()
        except (OSError, EOFError) as error:
            ours.close()
            if not left:
                raise TransientError(f"no process can be started: {error}") from error
        else:
            return ours, process
        finally:
            theirs.close()
    raise AssertionError  # the last failure is raised


def _work(pipe: Connection, environment: dict[str, str]) -> None:
    """Answer calls until the pipe closes, in the caller's environment; a fork server may have an older one."""
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(2, 1)  # print to stderr, so that stdout has only the command's output
    current_process().daemon = False  # the worker may have children, started as in any other process
    set_start_method(None, force=True)  # started as they are elsewhere
    os.setsid()
    adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    importlib.import_module(PREPARED)  # a forked process has it already
    lines = _Lines(pipe)
    OURS.addHandler(lines)
    with suppress(EOFError, ConnectionError):
        while True:
            function, arguments, level = pipe.recv()
            OURS.setLevel(level)
            lines.send((_portable(_answer(function, arguments)), has_children()))


class _Lines(logging.Handler):
    """Sends log records to the caller. Processes of the pipeline inherit the pipe and must not use it."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe, self._pid = pipe, os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        if os.getpid() == self._pid:
            with suppress(ConnectionError):
                self.send(LogLine(record.levelno, self.format(record)))

    def send(self, message: Reply | LogLine) -> None:
        """Send one record at a time, because threads of the pipeline log, too."""
        self.acquire()
        try:
            self._pipe.send(message)
        finally:
            self.release()


def _answer(function: Callable[..., Any], arguments: tuple[object, ...]) -> Message:
    try:
        return None, function(*arguments), ""
    except Exception as error:  # noqa: BLE001 — it is raised again where it was asked for
        return error, None, f"In process {os.getpid()}:\n{traceback.format_exc()}"


def _portable(message: Message) -> Message:
    """Return the message if it can be pickled; otherwise an error of the same kind that names type and text."""
    error, result, note = message
    try:
        arrived = pickle.loads(pickle.dumps(message))[0]  # noqa: S301 — our own bytes
        if (type(arrived), str(arrived)) == (type(error), str(error)):
            return message
        problem = f"it would arrive as {arrived!r:.200}"
    except Exception as failure:  # noqa: BLE001 — pickling calls code of any kind
        problem = str(failure)
    if error is None:
        return TransientError(f"{result!r:.200} cannot leave its process: {problem}"), None, note
    kind = TerminalError if isinstance(error, TerminalError) else TransientError
    return kind(f"{type(error).__name__}: {error}"), None, note


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        end_session(os.getpid())
        os._exit(1)
