"""Finds the kind of a state from its text: a path, a URL of a database or bucket, or ``module:function``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from shared.run.errors import TerminalError
from shared.state.bucket import Bucket
from shared.state.database import Database, is_database
from shared.state.files import Files
from shared.state.function import Function

if TYPE_CHECKING:
    from shared.state.source import Source

FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def source_of(text: str, folder: Path) -> Source:
    """Return the source of a text.

    Args:
        text: The user's text.
        folder: The folder for relative paths and modules.

    Raises:
        TerminalError: The text names none of these.
    """
    if not text.strip():
        raise TerminalError("--watch is empty; name a file, a folder, a URL or module:function")
    scheme, found, rest = text.partition("://")
    if found and scheme == "file":
        return Files(rest, Path(rest))
    if found and is_database(scheme):
        return Database.at(text, folder)
    if found:
        return Bucket.at(text)
    if FUNCTION.fullmatch(text) and not (folder / text).exists():
        return Function(text, folder)
    return Files(text, folder / Path(text).expanduser())
