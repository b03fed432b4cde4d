"""A real S3 API on loopback that can fail as real servers do: lost answers, conflicts, refusals without a reason."""

from __future__ import annotations

import logging
import re
import socket
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.asyn import get_loop
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

XML = [("Content-Type", "application/xml")]
REFUSALS = {
    "409": ("409 Conflict", "ConditionalRequestConflict"),
    "503": ("503 Slow Down", "SlowDown"),
    "503 busy": ("503 Service Unavailable", "ServiceUnavailable"),
}
FAULTS = ("lost answer", "500 afterwards", "412 without Condition", "ignored", *REFUSALS)


class Faults:
    """Forwards requests to an S3 application and injects faults into exclusive creations.

    Attributes:
        planned: One of ``FAULTS`` for each of the next creations; the first is next.
        creations: How many creations came in so far, repeated ones included.
    """

    def __init__(self, app: App) -> None:
        self.planned: list[str] = []
        self.creations = 0
        self._app = app

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        if environ["REQUEST_METHOD"] != "PUT" or "HTTP_IF_NONE_MATCH" not in environ:
            return self._app(environ, start)
        self.creations += 1
        fault = self.planned.pop(0) if self.planned else "none"
        if fault in REFUSALS:
            status, code = REFUSALS[fault]
            start(status, XML)
            return [f"<Error><Code>{code}</Code><Message>planned</Message></Error>".encode()]
        if fault == "ignored":
            del environ["HTTP_IF_NONE_MATCH"]
        return self._after(fault, environ, start)

    def _after(self, fault: str, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Let the creation happen, then do something to its answer."""
        answer: list[Any] = []
        body = b"".join(self._app(environ, lambda status, headers, *_: answer.extend((status, headers))))
        status, headers = answer
        if fault == "lost answer":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        if fault == "500 afterwards":
            status, headers, body = "500 Internal Server Error", XML, b"<Error><Code>InternalError</Code></Error>"
        if fault == "412 without Condition":
            body = re.sub(rb"<Condition>.*?</Condition>", b"", body)
            headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start(status, headers)
        return [body]


@contextmanager
def s3_server(host: str = "127.0.0.1") -> Iterator[Faults]:
    """A server on a free port of this machine, which AWS's own variables name; yields the faults in front of it."""
    logging.getLogger("werkzeug").setLevel("CRITICAL")  # lost answers are logged as errors
    server: Any = ThreadedMotoServer(ip_address=host, port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    faults = server._server.app = Faults(server._server.app)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "key")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield faults
        for instance in list(S3FileSystem._cache.values()):
            S3FileSystem.close_session(get_loop(), instance.s3)
        S3FileSystem.clear_instance_cache()
    server.stop()


_numbers = count(1)


def new_bucket() -> str:
    """The URL of an empty bucket on the running server."""
    url = f"s3://bucket-{next(_numbers)}"
    fsspec.filesystem("s3").mkdir(url)
    return url
