"""State in a bucket, or anything else that fsspec reaches: every object below a prefix."""

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
    """See ``Source``."""

    name: str

    @classmethod
    def at(cls, url: str) -> Self:
        """The objects of a URL; a TerminalError when nothing reads it."""
        from fsspec import get_filesystem_class

        try:
            get_filesystem_class(url.partition("://")[0])
        except (ImportError, ValueError) as error:
            raise TerminalError(f"--watch {url}: {error}") from error
        return cls(url)

    @property
    def files(self) -> tuple[Path, ...]:
        """None of this machine."""
        return ()

    @property
    def elsewhere(self) -> bool:
        """It is on another machine, as far as anybody knows."""
        return True

    def read(self) -> State:
        """The tables of every object, named by the path below the prefix."""
        from fsspec import url_to_fs

        try:
            system, prefix = url_to_fs(self.name, use_listings_cache=False)
            system.invalidate_cache()
            contents = {path: system.cat_file(path) for path in sorted(system.find(prefix))}
        except Exception as error:  # every filesystem has errors of its own
            raise TerminalError(f"--watch {self.name} cannot be read: {type(error).__name__}: {error}") from error
        state: State = {}
        for path, data in contents.items():
            inside = path.removeprefix(prefix).strip("/") or PurePosixPath(path).name
            name = f"{self.name.rstrip('/')}/{inside}"
            tables = read_content(data, PurePosixPath(path).suffix)
            state |= {f"{name}: {part}" if part else name: table for part, table in tables.items()}
        return state
