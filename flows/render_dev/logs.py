"""Keeps the latest output of workers in order, and filters and follows it."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from flows.render_dev.models import now
from flows.render_dev.views import stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_BYTES = 32 * 1024 * 1024  # the oldest records are removed, so that tasks with much output cannot fill the memory


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A piece of output, as the worker flushed it; `run_id` is empty for a registration's output."""

    run_id: str
    message: str
    time: datetime

    @property
    def size(self) -> int:
        """Its size in memory in bytes, including overhead."""
        return sys.getsizeof(self) + sys.getsizeof(self.time) + sys.getsizeof(self.message)

    def view(self) -> dict[str, Any]:
        """Return its JSON form."""
        return {"id": "", "labels": None, "message": self.message, "timestamp": stamp(self.time)}


@dataclass(frozen=True)
class Filter:
    """Selects records. An empty collection or None selects all; both times are inclusive."""

    run_ids: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Filter:
        """Read the query of a logs request.

        Raises:
            ValueError: A time is not RFC 3339.
        """
        ids = query.get("taskRunID") or query.get("taskRun") or ""
        return cls(
            frozenset(_words(ids)),
            tuple(_words(query.get("text", ""))),
            _time(query, "startTime"),
            _time(query, "endTime"),
        )

    def admits(self, record: LogEntry) -> bool:
        """Whether a record is selected."""
        return (
            (not self.run_ids or record.run_id in self.run_ids)
            and (not self.texts or any(text in record.message for text in self.texts))
            and (self.start is None or record.time >= self.start)
            and (self.end is None or record.time <= self.end)
        )


class Logs:
    """The latest records, oldest first. Each has a number from 0 that never changes."""

    def __init__(self) -> None:
        self._records: deque[LogEntry] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self.end = 0  # the number of the next record

    def add(self, run_id: str, message: str) -> None:
        """Add a piece of output, and notify all followers."""
        self._records.append(record := LogEntry(run_id, message, now()))
        self._bytes += record.size
        self.end += 1
        while self._bytes > KEPT_BYTES:
            self._bytes -= self._records.popleft().size
        self._changed.set()
        self._changed = asyncio.Event()

    def select(self, wanted: Filter, first: int = 0) -> list[LogEntry]:
        """Return the selected records from a number on."""
        dropped = self.end - len(self._records)
        return [each for each in islice(self._records, max(first - dropped, 0), None) if wanted.admits(each)]

    async def changed(self) -> None:
        """Wait for the next record."""
        await self._changed.wait()


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _time(query: Mapping[str, str], name: str) -> datetime | None:
    if not (text := query.get(name)):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"parsing time {text!r} of {name}: it must look like 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.astimezone()
