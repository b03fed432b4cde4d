"""Broadcasts items to the current listeners, such as event streams."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


class Listeners(Generic[T]):
    """Each listener has its own queue, so a slow one delays no other."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[T]] = set()

    def publish(self, item: T) -> None:
        """Send an item to all current listeners."""
        for queue in self._queues:
            queue.put_nowait(item)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[T]]:
        """Provide a queue that receives all items from now on."""
        queue: asyncio.Queue[T] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
