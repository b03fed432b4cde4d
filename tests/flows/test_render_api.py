"""What Render's cloud may answer, from a scripted server: refusals, pages, trouble that passes."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from flows.on_render.api import PAGE, Endpoint, LostError, RenderApi
from flows.on_render.follow import PATIENCE, follow
from shared.run.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON = dict[str, Any]
Answer = tuple[int, Any]

KEY = "rnd_abc"
MERGED = {"profiles_generated": 5, "shards_processed": 2}


@contextmanager
def cloud(answer: Callable[[str, str], Answer]) -> Iterator[tuple[RenderApi, list[JSON]]]:
    """A server that answers as told, a client of it, and what it was asked so far."""
    asked: list[JSON] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append({"path": self.path, "body": json.loads(body or b"null"), "headers": dict(self.headers)})
            status, payload = answer(self.command, self.path)
            text = json.dumps(payload).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 — http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}", local=False, token=KEY, workflow="merge")
        with RenderApi(endpoint) as api:
            yield api, asked
        server.shutdown()


def test_the_cloud_is_asked_with_the_key_for_the_workflows_task() -> None:
    """The slug has the workflow, the key is a bearer token, and a repeated start carries its idempotency key."""
    with cloud(lambda *_: (202, {"id": "trn-1"})) as (api, asked):
        assert api.start("merge_customer_data", [{"num_shards": 7}], "monday") == "trn-1"
    [request] = asked
    assert request["path"] == "/v1/task-runs"
    assert request["headers"]["Authorization"] == f"Bearer {KEY}"
    assert request["body"] == {
        "task": "merge/merge_customer_data",
        "input": [{"num_shards": 7}],
        "idempotencyKey": "monday",
    }


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, TerminalError, "Render refuses the key in RENDER_API_KEY: why"),
        (403, TerminalError, "Render refuses the key in RENDER_API_KEY: why"),
        (404, TerminalError, "Render has no task merge/merge_customer_data; compare WORKFLOW_SLUG"),
        (400, TerminalError, "Render answers 400: why"),
        (429, LostError, "Render answers 429: why"),
        (503, LostError, "Render answers 503: why"),
    ],
)
def test_a_refused_start_says_what_to_do(status: int, kind: type[Exception], said: str) -> None:
    """A refusal is wrong use; trouble of the cloud's own may pass."""
    with cloud(lambda *_: (status, {"message": "why"})) as (api, _), pytest.raises(kind, match=said):
        api.start("merge_customer_data", [])


def test_the_key_shows_nowhere() -> None:
    """An endpoint can be printed; how to cancel names the variable, not its value."""
    endpoint = Endpoint("https://render", local=False, token=KEY, workflow="merge")
    with RenderApi(endpoint) as api:
        assert KEY not in repr(endpoint) + api.how_to_cancel("trn-1")
        assert "$RENDER_API_KEY" in api.how_to_cancel("trn-1")


def test_subtasks_are_read_page_by_page() -> None:
    """All pages are read, and neither the root nor another root's runs are among the subtasks."""
    runs = [{"id": f"trn-{number}", "rootTaskRunId": "trn-0"} for number in range(PAGE + 20)]
    runs.append({"id": "other", "rootTaskRunId": "other"})
    entries = [{"cursor": run["id"], "taskRun": run} for run in runs]

    def answer(_method: str, path: str) -> Answer:
        return 200, entries[PAGE:] if "cursor=" in path else entries[:PAGE]

    with cloud(answer) as (api, asked):
        assert [run["id"] for run in api.subtasks("trn-0")] == [f"trn-{number}" for number in range(1, PAGE + 20)]
    assert len(asked) == 2


def scripted(*details: Answer) -> Callable[[str, str], Answer]:
    """Answers in turn, the last one for ever."""
    left = list(details)
    return lambda *_: left.pop(0) if len(left) > 1 else left[0]


def run(status: str, **more: Any) -> Answer:
    """An answer about the run."""
    return 200, {"id": "trn-1", "status": status} | more


@pytest.mark.parametrize("success", ["completed", "succeeded"])
def test_trouble_on_the_way_does_not_end_the_wait(success: str) -> None:
    """Pending, unanswered and failed-for-a-moment are not the end; the merge's result is."""
    answers = [run("pending"), (503, {}), (429, {}), run("failed", error="once"), run("running")]
    with cloud(scripted(*answers, run(success, results=[MERGED]))) as (api, _):
        assert follow(api, "trn-1", timeout=60) == MERGED


def test_a_cloud_that_stays_silent_is_given_up() -> None:
    """After a few unanswered questions in a row the command says so."""
    with cloud(lambda *_: (503, {"message": "down"})) as (api, asked), pytest.raises(LostError, match="503: down"):
        follow(api, "trn-1", timeout=60)
    assert len(asked) == PATIENCE


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (run("failed", error="TerminalError: bad row"), TerminalError, "^bad row$"),
        (run("failed", error="ShardsFailedError: 2 of"), TransientError, "^2 of$"),
        (run("failed", error="start command exited: signal: killed"), TransientError, "^start command exited: signal"),
        (run("failed"), TransientError, "without a message"),
        (run("canceled"), TransientError, "was canceled"),
        (run("completed", results=None), TerminalError, "answered None, which is no result"),
        ((404, {"message": "task run not found"}), TransientError, "no longer knows the run trn-1"),
    ],
)
def test_an_end_without_a_result_is_explained(answer: Answer, kind: type[Exception], said: str) -> None:
    """Each becomes an error of the kind that tells whether another run can help."""
    with cloud(lambda *_: answer) as (api, _), pytest.raises(kind, match=said):
        follow(api, "trn-1", timeout=60)
