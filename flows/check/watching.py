"""The watched state: reads, compares and restores it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.run.errors import TerminalError
from shared.state.difference import differences
from shared.state.named import source_of
from shared.state.varying import leave_out

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shared.state.difference import Difference
    from shared.state.saved import Saved
    from shared.state.source import Source
    from shared.state.table import State
    from shared.state.varying import Varying

RESET_SECONDS = 300.0


@dataclass
class Watched:
    """Everything that is watched.

    Attributes:
        sources: The places with state.
        reset: The team's command that restores what cannot be copied.
        folder: The folder where that command runs.
        saved: The copy of the state on this machine; None before it is made.
        varying: What differs between two runs without faults.
        whole: The state after a run without faults.
        expected: The same state without what varies.
    """

    sources: tuple[Source, ...]
    reset: str
    folder: Path
    saved: Saved | None = None
    varying: list[Varying] = field(default_factory=list)
    whole: State = field(default_factory=dict)
    expected: State = field(default_factory=dict)

    @classmethod
    def named(cls, texts: Sequence[str], reset: str, folder: Path) -> Watched:
        """Return what the user named; a TerminalError if something cannot be restored."""
        sources = tuple(source_of(text, folder) for text in texts)
        lasting = [source.name for source in sources if not source.files]
        if lasting and not reset:
            raise TerminalError(
                f"there is no way to restore {', '.join(lasting)}, and a check runs the target many times and kills "
                "it; give --reset 'command', which makes it what it is before a run"
            )
        return cls(sources, reset, folder)

    @property
    def paths(self) -> list[Path]:
        """The paths to copy."""
        return [path for source in self.sources for path in source.files]

    def read(self) -> State:
        """Return the current state."""
        return merged(self.read_each())

    def read_each(self) -> list[State]:
        """Return the current state of each source."""
        return [source.read() for source in self.sources]

    def restore(self) -> None:
        """Restore the state before the check; a TerminalError if the team's command fails."""
        if self.saved:
            self.saved.restore()
        if self.reset:
            _run(self.reset, self.folder)

    def compare(self, state: State) -> list[Difference]:
        """Compare a state with the state after a run without faults."""
        return differences(self.expected, leave_out(state, self.varying))


def merged(states: list[State]) -> State:
    """Return the tables of all sources."""
    return {name: table for state in states for name, table in state.items()}


def _run(command: str, folder: Path) -> None:
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=RESET_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise TerminalError(f"--reset {command!r} was still running after {RESET_SECONDS:g} s") from error
    if done.returncode:
        raise TerminalError(
            f"--reset {command!r} ended with exit status {done.returncode}: {done.stdout.strip()[-500:]}"
        )
