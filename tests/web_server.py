"""A web server on loopback whose files are in memory, and which tells of them what a test wants."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Web:
    """What is served.

    Attributes:
        url: The server's address.
        files: Contents by path below it.
        headers: Sent with each file.
        read: The paths whose content was asked for.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)


@contextmanager
def web_server() -> Iterator[Web]:
    """A server without files on a free port, for the time of the block."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._head()

        def do_GET(self) -> None:
            web.read.append(self.path.lstrip("/"))
            self.wfile.write(self._head())

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 — as it is called there
            """Tell nobody."""

        def _head(self) -> bytes:
            content = web.files.get(self.path.lstrip("/"))
            self.send_response(404 if content is None else 200)
            for name, value in web.headers.items() if content is not None else ():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            return content or b""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    web.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
