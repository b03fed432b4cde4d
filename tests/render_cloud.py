"""A stand-in for Render's public API, for tests: keys, slugs with a suffix, pages, planned misbehaviour.

What a task does is the business of a local server behind it, or of a function. Written from the documented API; what
Render does beyond that is unknown here.
"""

from __future__ import annotations

import fnmatch
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from flows.on_render.endpoint import Endpoint
from tests.local_http import request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

JSON = dict[str, Any]
Answer = tuple[int, Any]  # status and JSON; None for no body

KEY = "rnd_key"
NAME, SLUG = "shardwise", "shardwise-x1y2"
DEFAULT_PAGE, LARGEST_PAGE = 20, 100
DROP, LOSE, GARBLE, VANISH = "drop", "lose", "garble", "vanish"


@dataclass
class Trouble:
    """How some requests go wrong.

    Attributes:
        what: A status to answer with; ``drop``: the connection ends before anything happens; ``lose``: it happens, and
            the connection ends instead of an answer; ``garble``: the answer is not JSON; ``vanish``: 404.
        request: Which requests, as in ``GET /task-runs/*``.
        times: How many of them in a row; None for all.
        after: How many of them go well before.
        headers: The headers of an answer with a status.
    """

    what: int | str
    request: str = "*"
    times: int | None = 1
    after: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    seen: int = 0

    def hits(self, request: str) -> bool:
        """Count a request, and say whether it goes wrong."""
        if not fnmatch.fnmatch(request, self.request):
            return False
        self.seen += 1
        return self.seen > self.after and (self.times is None or self.seen <= self.after + self.times)


@dataclass
class RenderCloud:
    """The running stand-in.

    Attributes:
        url: As RENDER_HOST and an endpoint want it.
        troubles: What goes wrong; the first that hits counts. Tests may add to it at any time.
        requests: Every request so far: method, path, query, body, headers.
        workflows: Slug and name of each workflow that the key may see; the first one has the tasks.
    """

    url: str
    upstream: Callable[[str, str, Any], Answer]
    troubles: list[Trouble]
    requests: list[JSON] = field(default_factory=list)
    workflows: dict[str, str] = field(default_factory=lambda: {SLUG: NAME})

    def endpoint(self, workflow: str = SLUG, token: str = KEY, patience: float = 10.0) -> Endpoint:
        """The endpoint of a client."""
        return Endpoint(self.url, local=False, token=token, workflow=workflow, patience=patience)

    def environment(self, workflow: str = SLUG) -> dict[str, str]:
        """The settings of a command."""
        return {"RENDER_HOST": self.url, "RENDER_API_KEY": KEY, "WORKFLOW_SLUG": workflow}

    def asked(self, request: str) -> int:
        """How many requests were like this."""
        return sum(fnmatch.fnmatch(f"{each['method']} {each['path']}", request) for each in self.requests)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any, token: str) -> Answer:
        """Answer a request that no trouble hits."""
        if token != f"Bearer {KEY}":
            return 401, {"message": "unauthorized"}
        match method, path:
            case "GET", "/workflows":
                entries = [{"id": f"wfl-{slug}", "slug": slug, "name": name} for slug, name in self.workflows.items()]
                return 200, _page([{"cursor": flow["id"], "workflow": flow} for flow in entries], query)
            case "GET", "/task-runs":
                return self._runs(query)
            case "POST", "/task-runs":
                return self._start(body)
        status, payload = self.upstream(method, path, body)
        if method == "DELETE" and status >= 500:  # the local servers' status for a run that has ended
            return 400, payload
        return status, payload

    def _start(self, body: JSON) -> Answer:
        slug, _, task = str(body.get("task", "")).partition("/")
        if slug != next(iter(self.workflows), None):
            return 404, {"message": f"task not found: {body.get('task')}"}
        return self.upstream("POST", "/task-runs", body | {"task": task})

    def _runs(self, query: dict[str, list[str]]) -> Answer:
        status, entries = self.upstream("GET", "/task-runs", None)
        if status != 200:
            return status, entries
        roots = query.get("rootTaskRunId")
        wanted = [each for each in entries if roots is None or each["taskRun"]["rootTaskRunId"] in roots]
        return 200, _page(wanted[::-1], query)  # the newest first: no client may count on the order


def _page(entries: list[JSON], query: dict[str, list[str]]) -> Any:
    size = min(int(query.get("limit", [DEFAULT_PAGE])[0]), LARGEST_PAGE)
    cursors = [entry["cursor"] for entry in entries]
    first = cursors.index(query["cursor"][0]) + 1 if "cursor" in query else 0
    return entries[first : first + size]


def upstream_at(url: str) -> Callable[[str, str, Any], Answer]:
    """A local server, its address without ``/v1``, as the one that runs the tasks."""

    def ask(method: str, path: str, body: Any) -> Answer:
        content = {"json": body} if body is not None else {}
        answer = request(method, f"{url}/v1{path}", **content)
        return answer.status_code, answer.json() if answer.content else None

    return ask


@contextmanager
def render_cloud(
    upstream: Callable[[str, str, Any], Answer], troubles: Sequence[Trouble] = ()
) -> Iterator[RenderCloud]:
    """Serve on a free port while the block runs.

    Args:
        upstream: What carries requests out: ``upstream_at(server.url)``, or any function of method, path and body.
        troubles: What goes wrong.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        cloud = RenderCloud(f"http://127.0.0.1:{server.server_port}", upstream, list(troubles))
        server.cloud = cloud  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield cloud
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        cloud: RenderCloud = self.server.cloud  # type: ignore[attr-defined]
        where = urlsplit(self.path)
        path, query = where.path.removeprefix("/v1"), parse_qs(where.query)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        cloud.requests.append(
            {"method": self.command, "path": path, "query": query, "body": body, "headers": dict(self.headers)}
        )
        request = f"{self.command} {path}"
        trouble = next((each for each in cloud.troubles if each.hits(request)), None)
        what = trouble.what if trouble else None
        if what == DROP:
            self.close_connection = True
        elif what == VANISH:
            self._send(404, {"message": "task run not found"})
        elif isinstance(what, int) and trouble:
            self._send(what, {"message": "trouble"}, trouble.headers)
        else:
            answer = cloud.answer(self.command, path, query, body, self.headers.get("Authorization", ""))
            self._answer(answer, what)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 — http.server's names

    def _answer(self, answer: Answer, what: object) -> None:
        if what == LOSE:
            self.close_connection = True
        elif what == GARBLE:
            self._send(200, None, body=b"<html>try again</html>")
        else:
            self._send(*answer)

    def _send(
        self, status: int, payload: Any, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> None:
        content = body if body is not None else b"" if payload is None else json.dumps(payload).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
