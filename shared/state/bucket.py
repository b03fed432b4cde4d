"""State in a bucket or another file system of fsspec: every object below a prefix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self

from shared.run.errors import TerminalError
from shared.state.contents import read_content

if TYPE_CHECKING:
    from pathlib import Path

    from shared.state.table import State


@dataclass(frozen=True)
class Bucket:
    """A ``Source`` for objects below a prefix."""

    name: str

    @classmethod
    def at(cls, url: str) -> Self:
        """Return the source for a URL; a TerminalError if no file system can read it."""
        from fsspec import get_filesystem_class

        try:
            get_filesystem_class(url.partition("://")[0])
        except (ImportError, ValueError) as error:
            raise TerminalError(f"--watch {url}: {error}") from error
        return cls(url)

    @property
    def files(self) -> tuple[Path, ...]:
        """Empty: nothing is on this machine's disk."""
        return ()

    @property
    def elsewhere(self) -> bool:
        """True: a bucket may be on another machine."""
        return True

    def read(self) -> State:
        """Read the tables of every object, named by the path below the prefix."""
        from fsspec import url_to_fs

        try:
            system, prefix = url_to_fs(self.name, use_listings_cache=False)
            system.invalidate_cache()
            contents = {path: system.cat_file(path) for path in sorted(system.find(prefix))}
        except Exception as error:  # every file system has its own errors
            raise TerminalError(f"--watch {self.name} cannot be read: {type(error).__name__}: {error}") from error
        state: State = {}
        for path, data in contents.items():
            inside = path.removeprefix(prefix).strip("/") or PurePosixPath(path).name
            name = f"{self.name.rstrip('/')}/{inside}"
            tables = read_content(data, PurePosixPath(path).suffix)
            state |= {f"{name}: {part}" if part else name: table for part, table in tables.items()}
        return state
