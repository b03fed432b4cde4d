"""Computes size and BLAKE3 of parts and stagings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 1 << 20  # bytes read at once


@dataclass(frozen=True)
class Checksum:
    """Identifies the content of a file.

    Attributes:
        size: The size in bytes.
        blake3: 64 hex digits.
    """

    size: int
    blake3: str

    @classmethod
    def of(cls, file: BinaryIO) -> Self:
        """Return the checksum of a file from its position to the last byte."""
        from blake3 import blake3

        size, content = 0, blake3()
        while block := file.read(_BLOCK):
            size += len(block)
            content.update(block)
        return cls(size, content.hexdigest())

    @classmethod
    def at(cls, path: Path) -> Self:
        """Return the checksum of a local file; a large file is read on all cores."""
        from blake3 import blake3

        return cls(path.stat().st_size, blake3(max_threads=blake3.AUTO).update_mmap(path).hexdigest())


def content_of(folder: Path, facts: dict[str, Any]) -> str:
    """Return one hash over the names and bytes of all files below a local folder, and over their facts.

    Raises:
        TerminalError: The folder contains a link, whose target may change.
    """
    from blake3 import blake3

    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    if links := sorted(name for name, path in paths.items() if path.is_symlink()):
        raise TerminalError(f"stage left the link {', '.join(links)}; leave a copy of what it points to")
    found = [(name, Checksum.at(path).blake3) for name, path in sorted(paths.items()) if path.is_file()]
    return blake3(json.dumps([found, facts], sort_keys=True).encode()).hexdigest()
