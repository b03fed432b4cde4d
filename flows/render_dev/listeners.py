"""A broadcast to whoever listens at the moment, such as the event streams of runs."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


class Listeners(Generic[T]):
    """Each listener has a queue of its own, so a slow one delays nobody."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[T]] = set()

    def publish(self, item: T) -> None:
        """Hand an item to all who listen now."""
        for queue in self._queues:
            queue.put_nowait(item)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[T]]:
        """Receive, in a queue, everything published from now on."""
        queue: asyncio.Queue[T] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
