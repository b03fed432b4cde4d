"""What serves the cells: whole lists over many pages, and tasks that know nothing of the caller's settings."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from flows.engine.session import Session
from flows.on_prefect.columns.api import PAGE, PrefectApi
from flows.on_render.columns.local import RenderService
from flows.registry import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


pytestmark = pytest.mark.servers


@contextmanager
def prefect_with(entries: int) -> Iterator[str]:
    """A server that knows so many task runs and answers with a page of them, as Prefect's does."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            offset, limit = asked.get("offset", 0), min(asked.get("limit", PAGE), PAGE)
            body = json.dumps([{"id": number} for number in range(entries)][offset : offset + limit]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()


def test_all_task_runs_of_a_large_run_are_read() -> None:
    """450 task runs are three pages; version 0.1 read the first 200 and called the others missing."""
    with prefect_with(450) as url, PrefectApi(url) as api:
        assert [run["id"] for run in api.task_runs("any")] == list(range(450))


def test_a_server_takes_no_settings_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Render's tasks take theirs from the server's environment, so a caller's SHARDWISE_* must not be in it."""
    given: list[dict[str, str]] = []

    @contextmanager
    def server(_workers: int, environment: dict[str, str], *_: Any) -> Iterator[str]:
        given.append(environment)
        yield "http://127.0.0.1:1"

    def own_server(*arguments: Any) -> AbstractContextManager[str]:
        return server(*arguments)

    monkeypatch.setattr("flows.on_render.columns.local.own_server", own_server)
    monkeypatch.setenv("SHARDWISE_NUM_SHARDS", "3")
    with Session(tmp_path, 2) as session:
        assert isinstance(COLUMNS["render"].serving(session), RenderService)
        environment = COLUMNS["render"].cell_environment(session, {"SHARDWISE_WAIT_SCALE": "0"})
    ours = {name for name in given[0] if name.startswith("SHARDWISE_")}
    assert ours == {"SHARDWISE_WAIT_SCALE", "SHARDWISE_ALLOW_FAULTS"}
    assert "SHARDWISE_NUM_SHARDS" not in environment
