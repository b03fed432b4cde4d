"""What workers wrote: kept in order, filtered, and handed to live listeners."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flows.render_dev.listeners import Listeners
from flows.render_dev.models import now
from flows.render_dev.views import stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_RECORDS = 50_000  # the oldest go first, so that a chatty task cannot fill the memory


@dataclass(frozen=True)
class Record:
    """One piece of output, cut where the worker flushed; `run_id` is empty for a registration's output."""

    run_id: str
    message: str
    time: datetime

    def view(self) -> dict[str, Any]:
        """Describe it as the wire does."""
        return {"id": "", "labels": None, "message": self.message, "timestamp": stamp(self.time)}


@dataclass(frozen=True)
class Filter:
    """Which records to show; an empty collection or None means all of them, both times are inclusive."""

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

    def admits(self, record: Record) -> bool:
        """Say whether a record is wanted."""
        return (
            (not self.run_ids or record.run_id in self.run_ids)
            and (not self.texts or any(text in record.message for text in self.texts))
            and (self.start is None or record.time >= self.start)
            and (self.end is None or record.time <= self.end)
        )


class Logs:
    """All records, oldest first."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=KEPT_RECORDS)
        self.live: Listeners[Record] = Listeners()

    def add(self, run_id: str, message: str) -> None:
        """Keep a piece of output."""
        record = Record(run_id, message, now())
        self._records.append(record)
        self.live.publish(record)

    def select(self, wanted: Filter) -> list[Record]:
        """Pick the records that a filter admits."""
        return [record for record in self._records if wanted.admits(record)]


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
