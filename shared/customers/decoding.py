"""Files as they are exported → the bytes of plain CSV in UTF-8: decompressed by their ending, and UTF-16 rewritten."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE, getincrementaldecoder
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}  # by the ending of a file's name
CHUNK = 1 << 20  # bytes read at a time
MARK_BYTES = 4  # that tell how a file is written

_ENCODINGS = {BOM_UTF32_LE: "utf-32", BOM_UTF32_BE: "utf-32", BOM_UTF16_LE: "utf-16", BOM_UTF16_BE: "utf-16"}


class UndecodableError(Exception):
    """A file that is not what its name or its first bytes say; the text says why."""


def compression(name: str) -> str | None:
    """How a file is compressed; None when it is not."""
    return next((how for ending, how in COMPRESSIONS.items() if name.endswith(ending)), None)


def is_plain(name: str, start: bytes) -> bool:
    """Whether a file's bytes are those of plain CSV already, given its first ``MARK_BYTES``."""
    return compression(name) is None and _encoding(start) is None


def plain_bytes(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The bytes of a file as plain CSV, from first to last; it is closed afterwards.

    Raises:
        UndecodableError: They cannot be decompressed, or are not in the encoding that the first ones name.
    """
    chunks = _decompressed(file, name)
    first = next(chunks, b"")
    encoding = _encoding(first)
    if encoding is None:
        yield first
        yield from chunks
        return
    yield from _decoded(chain([first], chunks), encoding)


def _decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The same text in UTF-8."""
    decoder, before = getincrementaldecoder(encoding)(), 0
    for chunk in chain(chunks, [b""]):
        pending = len(decoder.getstate()[0])
        try:
            yield decoder.decode(chunk, final=not chunk).encode()
        except UnicodeDecodeError as error:
            where = before - pending + error.start
            raise UndecodableError(
                f"it begins as {encoding.upper()}, and byte {where} is not; save it as UTF-8"
            ) from error
        before += len(chunk)


def _encoding(start: bytes) -> str | None:
    """The encoding that a byte order mark names, unless it is UTF-8."""
    return next((encoding for mark, encoding in _ENCODINGS.items() if start.startswith(mark)), None)


def _decompressed(file: BinaryIO, name: str) -> Iterator[bytes]:
    how = compression(name)
    if how is None:
        with file:
            yield from iter(lambda: file.read(CHUNK), b"")
        return
    import pyarrow as pa

    with file, pa.CompressedInputStream(pa.PythonFile(file, "r"), how) as stream:
        try:
            yield from iter(lambda: cast("bytes", stream.read(CHUNK)), b"")
        except OSError as error:
            if error.errno is not None or type(error) is not OSError:
                raise
            raise UndecodableError(f"it is not what {how} writes, or not all of it: {error}") from error
