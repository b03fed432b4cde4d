"""The interface of all kinds of state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from shared.state.table import State

HERE = {"", "localhost", "127.0.0.1", "::1"}  # host names of this machine


class Source(Protocol):
    """A place with state.

    Attributes:
        name: The user's text, without passwords.
        files: The local files to copy; empty if it is not on this machine's disk.
        elsewhere: Whether it is, or may be, on another machine.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 — see above

    @property
    def files(self) -> tuple[Path, ...]: ...  # noqa: D102 — see above

    @property
    def elsewhere(self) -> bool: ...  # noqa: D102 — see above

    def read(self) -> State:
        """Read the current state; a TerminalError names the source if that fails."""
