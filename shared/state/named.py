"""How a person names state: a path, a URL of a database or of a bucket, or ``module:function``."""

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
    """The source that a person names: a path, a URL of a database or of a bucket, or ``module:function``.

    Args:
        text: What was given.
        folder: Relative paths and modules are found from here.

    Raises:
        TerminalError: It is none of these.
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
