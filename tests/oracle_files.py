"""The oracle's files: which ones a source is, in their order, and the bytes of each as plain CSV in UTF-8."""

from __future__ import annotations

import gzip
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from typing import TYPE_CHECKING

from tests.oracle_records import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

# The mark of UTF-32 begins as that of UTF-16 does.
ENCODINGS = {BOM_UTF32_LE: "utf-32", BOM_UTF32_BE: "utf-32", BOM_UTF16_LE: "utf-16", BOM_UTF16_BE: "utf-16"}


def files_of(folder: Path, name: str) -> list[str]:
    """One file, or the parts in a folder or beside each other, by name; compressed or not."""
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    wanted = [file for file in found if file.endswith((".csv", ".csv.gz"))]
    ways = [[file for file in wanted if file in {f"{name}.csv", f"{name}.csv.gz"}]]
    ways += [sorted(file for file in wanted if file.startswith(start)) for start in (f"{name}-", f"{name}/")]
    [files] = [way for way in ways if way]
    return files


def plain(path: Path) -> bytes:
    """The bytes of a file, decompressed where its ending tells so, and UTF-16 with its mark as UTF-8.

    Raises:
        RefusedError: It is not what its ending or its mark says.
    """
    content = path.read_bytes()
    try:
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        encoding = next((name for mark, name in ENCODINGS.items() if content.startswith(mark)), "")
        return content.decode(encoding).encode() if encoding else content
    except (EOFError, OSError, zlib.error, UnicodeDecodeError) as error:
        raise RefusedError(f"{path.name}: {error}") from error
