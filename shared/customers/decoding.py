"""Decodes source files to plain CSV in UTF-8: decompresses them and converts UTF-16."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE, getincrementaldecoder
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}  # by file ending
CHUNK = 1 << 20  # bytes read at a time
MARK_BYTES = 4  # enough to recognise an encoding or a compression

_ENCODINGS = {BOM_UTF32_LE: "utf-32", BOM_UTF32_BE: "utf-32", BOM_UTF16_LE: "utf-16", BOM_UTF16_BE: "utf-16"}


class UndecodableError(Exception):
    """A file is not what its name or its first bytes say; the message says why."""


def compression(name: str) -> str | None:
    """Return how a file is compressed, by its ending; None if it is not."""
    return next((how for ending, how in COMPRESSIONS.items() if name.endswith(ending)), None)


def is_plain(name: str, start: bytes) -> bool:
    """Whether a file is plain CSV in UTF-8 already, judged by its first ``MARK_BYTES`` bytes."""
    return compression(name) is None and _encoding(start) is None


def plain_bytes(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield the bytes of a file as plain CSV; the file is closed afterwards.

    Raises:
        UndecodableError: The file is damaged, or is not in the encoding that its first bytes name.
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
    """Yield the same text in UTF-8."""
    decoder, before = getincrementaldecoder(encoding)(), 0
    for chunk in chain(chunks, [b""]):
        pending = len(decoder.getstate()[0])
        try:
            yield decoder.decode(chunk, final=not chunk).encode()
        except UnicodeDecodeError as error:
            where = before - pending + error.start
            raise UndecodableError(
                f"it starts as {encoding.upper()}, but byte {where} is invalid; save it as UTF-8"
            ) from error
        before += len(chunk)


def _encoding(start: bytes) -> str | None:
    """Return the encoding that a byte order mark names; None for UTF-8 and without a mark."""
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
