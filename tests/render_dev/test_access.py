"""Pages that a browser shows can neither start tasks nor read logs, whatever they send; programs can."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.deployments.browser import running_browser
from tests.render_dev.serving import FORKED, ours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.render_dev.serving import Server

pytestmark = pytest.mark.servers

ROUTES = [
    ("GET", "/tasks"),
    ("GET", "/tasks/give"),
    ("POST", "/task-runs"),
    ("GET", "/task-runs"),
    ("GET", "/task-runs/trn-x"),
    ("DELETE", "/task-runs/trn-x"),
    ("GET", "/task-runs/events?taskRunIds=x"),
    ("GET", "/logs"),
    ("GET", "/logs/subscribe"),
    ("OPTIONS", "/task-runs"),
    ("GET", "/nonsense"),
]
FOREIGN = {
    "another name for this machine": {"Host": "evil.example:8120"},
    "a name that only ends like ours": {"Host": "evil.localhost:8120"},
    "a name that starts like ours": {"Host": "127.0.0.1.evil.example"},
    "no name at all": {"Host": ""},
    "another site": {"Origin": "http://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "a sandboxed page": {"Origin": "null"},
    "an image on another site": {"Sec-Fetch-Site": "cross-site"},
    "an image on another port": {"Sec-Fetch-Site": "same-site"},
}


@pytest.fixture(scope="module")
def ours_only() -> Iterator[Server]:
    """Our server: the official one refuses less."""
    with ours([*FORKED, "tasks:app"]) as running:
        yield running


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_what_a_page_sends_is_refused(ours_only: Server, route: tuple[str, str], headers: dict[str, str]) -> None:
    """Row 75: on every route, with the reason, and before anything is done."""
    method, path = route
    body = {"task": "give", "input": [1]} if method == "POST" else None
    answer = ours_only.http.request(method, path, headers=headers, json=body)
    assert answer.status_code == 403
    assert "this server answers" in answer.json()["message"]
    assert ours_only.runs() == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_body_must_be_declared_as_json(ours_only: Server, kind: str | None) -> None:
    """Row 75: a browser sends other kinds without asking."""
    headers = {"Content-Type": kind} if kind else {}
    answer = ours_only.http.post("/task-runs", content=json.dumps({"task": "give", "input": [1]}), headers=headers)
    assert answer.status_code == 415
    assert "must be application/json" in answer.json()["message"]
    assert ours_only.runs() == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("own_origin", [True, False])
def test_programs_are_answered(ours_only: Server, host: str, *, own_origin: bool) -> None:
    """The names of this machine are fine, with and without a port, and so is our own origin."""
    port = ours_only.url.rpartition(":")[2]
    for name in (host, f"{host}:{port}"):
        headers = {"Host": name} | ({"Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"} if own_origin else {})
        assert ours_only.http.get("/task-runs", headers=headers).status_code == 200
    kind = {"Content-Type": "application/json; charset=utf-8"}
    assert ours_only.http.post("/task-runs", content='{"task": "nope"}', headers=kind).status_code == 404


# What a hostile page tries; each try ends, and its end is noted in the page.
PAGE = """<!doctype html><title>page</title><body><form id=form method=post enctype=text/plain target=frame></form>
<iframe name=frame></iframe><p id=noted></p><script>
const server = "SERVER", body = JSON.stringify({task: "give", input: ["from a page"]});
const noted = (what, how) => { document.getElementById("noted").append(`${what}: ${how}; `); };
const tries = {
  plain: () => fetch(`${server}/v1/task-runs`, {method: "POST", mode: "no-cors", body}),
  blob: () => fetch(`${server}/v1/task-runs`, {method: "POST", mode: "no-cors", body: new Blob([body])}),
  json: () => fetch(`${server}/v1/task-runs`, {method: "POST", body, headers: {"Content-Type": "application/json"}}),
  read: () => fetch(`${server}/v1/logs`).then(answer => answer.text()).then(text => { throw Error("READ " + text) }),
  beacon: async () => navigator.sendBeacon(`${server}/v1/task-runs`, new Blob([body])),
  socket: () => new Promise(done => {
    const socket = new WebSocket(`${server.replace("http", "ws")}/v1/logs/subscribe?startTime=2020-01-01T00:00:00Z`);
    socket.onmessage = message => { noted("SOCKET", message.data); done(); };
    socket.onclose = done;
  }),
  events: () => new Promise(done => {
    const source = new EventSource(`${server}/v1/task-runs/events?taskRunIds=trn-x`);
    source.onopen = () => { noted("EVENTS", "open"); source.close(); done(); };
    source.onerror = () => { source.close(); done(); };
  }),
  form: () => new Promise(done => {
    const form = document.getElementById("form"), field = document.createElement("input");
    field.name = '{"task": "give", "input": ["'; field.value = '"]}'; form.append(field);
    form.action = `${server}/v1/task-runs`; form.submit();
    document.getElementsByName("frame")[0].onload = done;
  }),
};
(async () => {
  for (const name in tries) await tries[name]().then(() => noted(name, "done"), error => noted(name, error.message));
  noted("all", "tried");
})();
</script>"""


@contextmanager
def page(text: str) -> Iterator[int]:
    """A web server with one page; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_page_in_chromium(ours_only: Server) -> None:
    """Row 75: a page of another origin starts nothing and reads nothing, by script, form, WebSocket or another name."""
    secret = ours_only.finish("talk")["id"]
    before = [run["id"] for run in ours_only.runs()]
    server = ours_only.url.replace("127.0.0.1", "localhost")
    with running_browser() as browser, page(PAGE.replace("SERVER", server)) as port:
        browser.open(f"http://127.0.0.1:{port}/")
        browser.wait_for("all: tried")
        noted = browser.evaluate("document.getElementById('noted').innerText")
        assert "plain: done" in noted  # the tries reached the server, where nothing came of them
        assert not [word for word in ("READ", "SOCKET", "EVENTS", "out 1") if word in noted], noted
        browser.open(f"http://evil.localhost:{ours_only.url.rpartition(':')[2]}/v1/logs")
        browser.wait_for("this server answers to localhost and 127.0.0.1 only")
    assert [run["id"] for run in ours_only.runs()] == before
    assert "out 1" in ours_only.log(secret)
    assert httpx.get(f"{server}/v1/logs", trust_env=False).status_code == 200
