"""Digests, which make the outputs of two runs comparable."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MODULUS = 1 << 128


@dataclass(frozen=True)
class Digest:
    """The content of a set of records, independent of order. Digests of disjoint sets add up to the digest of all.

    Attributes:
        count: The number of records, or of files if the pipeline has no records.
        total: The sum, modulo 2^128, of a 128-bit hash of each record.
    """

    count: int
    total: int

    def text(self, version: int) -> str:
        """The digest as ``v<version>:<count>:<32 hex digits>``; digests of other pipeline versions are never equal."""
        return f"v{version}:{self.count}:{self.total:032x}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text of a digest."""
        _, count, total = text.split(":")
        return cls(int(count), int(total, 16))

    @classmethod
    def sum(cls, digests: Iterable[Digest]) -> Self:
        """Return the digest of all records together."""
        parts = list(digests)
        return cls(sum(part.count for part in parts), sum(part.total for part in parts) % MODULUS)

    @classmethod
    def of_hashes(cls, hashes: Iterable[bytes]) -> Self:
        """Return the digest of records from their hashes of 16 bytes, read as little-endian numbers."""
        numbers = [int.from_bytes(each, "little") for each in hashes]
        return cls(len(numbers), sum(numbers) % MODULUS)

    @classmethod
    def of_records(cls, records: Iterable[tuple[str, dict[str, Any]]]) -> Self:
        """Return the digest of records. Each hash is the md5 of key and fields as JSON with sorted names."""
        return cls.of_hashes(_hash(key, fields) for key, fields in records)

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Return the digest of a file as one record; its hash is the first half of its sha256."""
        with path.open("rb") as file:
            return cls.of_hashes([hashlib.file_digest(file, "sha256").digest()[:16]])


def _hash(key: str, fields: dict[str, Any]) -> bytes:
    try:
        text = json.dumps([key, fields], sort_keys=True, ensure_ascii=True)
    except (TypeError, ValueError) as error:
        raise TerminalError(f"the record {key!r:.80} is not JSON: {error}; give records of plain values") from error
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()
