"""A client of the event stream that reads in a thread of its own until it is closed."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

import httpx

from tests.waiting import wait_until

if TYPE_CHECKING:
    from types import TracebackType

FINAL = {"completed", "failed", "canceled"}


class Subscription:
    """What came over the stream so far: its headers, its raw lines, its events."""

    def __init__(self, url: str, query: str) -> None:
        self.headers = httpx.Headers()
        self.lines: list[str] = []
        self._url = f"{url}/v1/task-runs/events?{query}"
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        with (
            contextlib.suppress(httpx.TransportError),  # how a closed stream ends
            httpx.Client(trust_env=False, timeout=httpx.Timeout(10, read=None)) as client,
            client.stream("GET", self._url) as stream,
        ):
            self.headers = stream.headers
            self._socket = stream.extensions["network_stream"].get_extra_info("socket")
            for line in stream.iter_lines():
                self.lines.append(line)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self.lines, timeout=30, what="the stream's first line")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The data of all events that show a final status."""
        data = [json.loads(line.removeprefix("data: ")) for line in self.lines if line.startswith("data: ")]
        return [event for event in data if event["status"] in FINAL]

    def event(self, seconds: float = 5) -> dict[str, Any]:
        """Wait for the first event."""
        return wait_until(lambda: self.events, timeout=seconds, what="an event")[0]
