"""A place where state is: what all kinds of it can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from shared.state.table import State

HERE = {"", "localhost", "127.0.0.1", "::1"}  # hosts of this machine


class Source(Protocol):
    """Where state is.

    Attributes:
        name: As a person gave it, without passwords.
        files: What a copy of it consists of; empty where it is not on this machine's disk.
        elsewhere: Whether it is, or may be, on another machine.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 — see above

    @property
    def files(self) -> tuple[Path, ...]: ...  # noqa: D102 — see above

    @property
    def elsewhere(self) -> bool: ...  # noqa: D102 — see above

    def read(self) -> State:
        """All of it as it is now; a TerminalError that names the source where that fails."""
