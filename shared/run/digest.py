"""Digests: what makes the output of two runs comparable, whatever their engine, attempts or order."""

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
    """The content of a set of records, free of their order: digests of disjoint sets add up to the digest of all.

    Attributes:
        count: Records; files, where a pipeline tells no records.
        total: The sum, modulo 2^128, of a 128-bit hash of each.
    """

    count: int
    total: int

    def text(self, version: int) -> str:
        """``v<version>:<count>:<32 hex digits>``: digests of other versions of a pipeline never compare equal."""
        return f"v{version}:{self.count}:{self.total:032x}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The digest that ``text`` gave."""
        _, count, total = text.split(":")
        return cls(int(count), int(total, 16))

    @classmethod
    def sum(cls, digests: Iterable[Digest]) -> Self:
        """The digest of all records together."""
        parts = list(digests)
        return cls(sum(part.count for part in parts), sum(part.total for part in parts) % MODULUS)

    @classmethod
    def of_hashes(cls, hashes: Iterable[bytes]) -> Self:
        """The digest of records whose hashes are given, each of 16 bytes, read as little-endian numbers."""
        numbers = [int.from_bytes(each, "little") for each in hashes]
        return cls(len(numbers), sum(numbers) % MODULUS)

    @classmethod
    def of_records(cls, records: Iterable[tuple[str, dict[str, Any]]]) -> Self:
        """The digest of records, by key and fields: each hash is the md5 of both as JSON with sorted names."""
        return cls.of_hashes(_hash(key, fields) for key, fields in records)

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """The digest of a file as one record: its hash is the first half of its sha256."""
        with path.open("rb") as file:
            return cls.of_hashes([hashlib.file_digest(file, "sha256").digest()[:16]])


def _hash(key: str, fields: dict[str, Any]) -> bytes:
    try:
        text = json.dumps([key, fields], sort_keys=True, ensure_ascii=True)
    except (TypeError, ValueError) as error:
        raise TerminalError(f"the record {key!r:.80} is not JSON: {error}; give records of plain values") from error
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()
