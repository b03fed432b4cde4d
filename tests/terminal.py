"""A command in a terminal of its own, as a person has it: what it shows, keys that are pressed, what it leaves."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from tests.command import environment
from tests.prefect_server import reap
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CTRL_C = b"\x03"
# Becomes the command, with its standard input as the terminal that Ctrl-C comes from.
IN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)


@dataclass
class Terminal:
    """A command and its terminal.

    Attributes:
        process: The command.
        ours: The end of the terminal at which a person sits.
        theirs: The end that the command has.
    """

    process: subprocess.Popen[bytes]
    ours: int
    theirs: int
    _before: list[Any]
    _shown: list[bytes] = field(default_factory=list)
    _seen: set[psutil.Process] = field(default_factory=set)

    def output(self) -> str:
        """All that was shown so far."""
        return b"".join(self._shown).decode(errors="replace")

    def wait_for(self, words: str, timeout: float) -> None:
        """Wait until the command shows something."""

        def shown() -> bool:
            assert self.process.poll() is None, self.output()
            return words in self.output()

        wait_until(shown, timeout=timeout, what=words)

    def press(self, keys: bytes) -> None:
        """Type something; what runs by now is what ``processes`` looks at."""
        self._seen = {psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)}
        os.write(self.ours, keys)

    def processes(self) -> list[psutil.Process]:
        """Those of the command that still run."""
        self.process.poll()
        return [each for each in self._seen if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]

    def is_as_before(self) -> bool:
        """Whether the terminal has the modes that it had when the command started."""
        return termios.tcgetattr(self.theirs) == self._before

    def read(self) -> None:
        """Keep what is shown, until the terminal is closed."""
        with suppress(OSError):
            while shown := os.read(self.ours, 4096):
                self._shown.append(shown)


@contextmanager
def in_terminal(command: list[str], folder: Path, **settings: str) -> Iterator[Terminal]:
    """Run a command in a terminal; it is gone afterwards with all it started."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, *command],
        cwd=folder,
        env=environment(**settings),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    terminal = Terminal(process, ours, theirs, before)
    reader = threading.Thread(target=terminal.read, daemon=True)
    reader.start()
    try:
        yield terminal
    finally:
        reap(process)
        os.close(theirs)
        reader.join(timeout=5)
        os.close(ours)
