"""Render's REST interface, local or cloud, as far as a run needs it; every refusal says what to do about it.

Not the SDK's client: that takes half a second to import, as long as a small run, and cannot list a run's subtasks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from shared.run.errors import TerminalError, TransientError

CLOUD = "https://api.render.com"
LOCAL = "http://localhost:8120"
TRUE = {"1", "t", "T", "true", "TRUE", "True"}  # what the SDK takes for yes
PAGE = 100  # runs in one answer, the cloud's limit
JsonObject = dict[str, Any]


class LostError(TransientError):
    """The server did not answer, or not sensibly; asking again may help."""


@dataclass(frozen=True)
class Endpoint:
    """A Render to talk to.

    Attributes:
        url: Without ``/v1``.
        local: Whether it is a local server: it reads this machine's files and needs no token.
        token: An API key, else empty.
        workflow: The slug of a workflow on the cloud, else empty.
    """

    url: str
    local: bool = True
    token: str = field(default="", repr=False)
    workflow: str = ""

    @classmethod
    def from_environment(cls) -> Self:
        """The local server that the environment asks for, else the cloud; a TerminalError when it says too little."""
        key, slug = os.environ.get("RENDER_API_KEY", ""), os.environ.get("WORKFLOW_SLUG", "")
        if url := local_url():
            return cls(url, token=key)
        if not key and not slug:
            raise TerminalError(
                "no Render is configured: set RENDER_USE_LOCAL_DEV=true for a local server (`shardwise render-dev` "
                "starts one), or RENDER_API_KEY and WORKFLOW_SLUG for the cloud" + _misspelt()
            )
        if not key:
            raise TerminalError("RENDER_API_KEY is missing; make a key in Render's dashboard, under Account Settings")
        if not slug:
            raise TerminalError("WORKFLOW_SLUG is missing; set it to the workflow's slug in Render's dashboard")
        return cls(CLOUD, local=False, token=key, workflow=slug.strip("/"))

    def slug(self, task: str) -> str:
        """What a task is called here."""
        return f"{self.workflow}/{task}" if self.workflow else task


def local_url() -> str | None:
    """The local server that the environment asks for, by the SDK's rules; None when it asks for none."""
    if url := os.environ.get("RENDER_LOCAL_DEV_URL"):
        return (url if "://" in url else f"http://{url}").rstrip("/")
    return LOCAL if os.environ.get("RENDER_USE_LOCAL_DEV") in TRUE else None


def _misspelt() -> str:
    value = os.environ.get("RENDER_USE_LOCAL_DEV")
    return f" (RENDER_USE_LOCAL_DEV is {value!r}, which is not taken for yes)" if value else ""


class RenderApi:
    """Starts, reads and cancels task runs; close it, or use it in a ``with`` block."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        headers = {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}
        self._http = httpx.Client(
            base_url=f"{endpoint.url}/v1",
            headers=headers,
            timeout=60,  # a local server answers a start only when the app is imported
            trust_env=not endpoint.local,  # no proxy between us and this machine
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def start(self, task: str, arguments: list[Any], idempotency_key: str | None = None) -> str:
        """Start a run of a task; the same key again leads to the same run.

        Returns:
            The run's id.

        Raises:
            TerminalError: There is no such task, or Render refuses the key or the arguments.
            LostError: Nobody answers; the run may have been started all the same.
        """
        body = {"task": self.endpoint.slug(task), "input": arguments}
        if idempotency_key is not None:
            body["idempotencyKey"] = idempotency_key
        answer = self._ask("POST", "/task-runs", json=body)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise TerminalError(self._no_task(task))
        return str(_json(answer)["id"])

    def run(self, run_id: str) -> JsonObject:
        """A run with its attempts, and its results or its error."""
        answer = self._ask("GET", f"/task-runs/{run_id}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise TransientError(f"{self.endpoint.url} no longer knows the run {run_id}; was the server restarted?")
        details: JsonObject = _json(answer)
        return details

    def subtasks(self, run_id: str) -> list[JsonObject]:
        """All runs below a root, oldest first."""
        found: dict[str, JsonObject] = {}
        query: dict[str, str | int] = {"rootTaskRunId": run_id, "limit": PAGE}
        while True:
            page = _json(self._ask("GET", "/task-runs", params=query))
            news = {entry["cursor"]: entry["taskRun"] for entry in page if entry["cursor"] not in found}
            found |= news
            if len(page) < PAGE or not news:  # the local server answers with all at once, whatever is asked for
                break
            query["cursor"] = page[-1]["cursor"]
        return [run for run in found.values() if run["rootTaskRunId"] == run_id != run["id"]]

    def roots(self) -> list[JsonObject]:
        """All runs of a local server that no other run started, oldest first."""
        runs = [entry["taskRun"] for entry in _json(self._ask("GET", "/task-runs"))]
        return [run for run in runs if run["rootTaskRunId"] == run["id"]]

    def task_names(self) -> dict[str, str]:
        """The names of a local server's tasks by id."""
        tasks = [entry["task"] for entry in _json(self._ask("GET", "/tasks"))]
        return {task["id"]: task["name"] for task in tasks}

    def log(self, run_id: str) -> str:
        """What the tasks of a root and of all below it wrote; local servers only."""
        runs = ",".join([run_id, *(run["id"] for run in self.subtasks(run_id))])
        records = _json(self._ask("GET", "/logs", params={"taskRunID": runs}))["logs"]
        return "".join(record["message"] for record in records)

    def cancel(self, run_id: str) -> None:
        """Cancel a root and all below it."""
        answer = self._ask("DELETE", f"/task-runs/{run_id}")
        if answer.is_error:
            _json(answer)

    def how_to_cancel(self, run_id: str) -> str:
        """The command that cancels a run."""
        key = "" if self.endpoint.local else '-H "Authorization: Bearer $RENDER_API_KEY" '
        return f"curl -X DELETE {key}{self.endpoint.url}/v1/task-runs/{run_id}"

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 — httpx's own
        try:
            answer = self._http.request(method, path, **more)
        except httpx.ConnectError as error:
            raise LostError(self._nobody(error)) from error
        except httpx.HTTPError as error:
            raise LostError(f"{self.endpoint.url} does not answer: {type(error).__name__}: {error}") from error
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise TerminalError(f"Render refuses the key in RENDER_API_KEY: {_message(answer)}")
        return answer

    def _nobody(self, error: httpx.ConnectError) -> str:
        if self.endpoint.local:
            return (
                f"no Render server answers at {self.endpoint.url}; start one by `shardwise render-dev`, or name "
                "another by RENDER_LOCAL_DEV_URL"
            )
        return f"{self.endpoint.url} cannot be reached ({error}); is there a network, or does it need HTTPS_PROXY?"

    def _no_task(self, task: str) -> str:
        if not self.endpoint.local:
            return (
                f"Render has no task {self.endpoint.slug(task)}; compare WORKFLOW_SLUG with the slug in Render's "
                "dashboard, and see there whether the workflow's latest version is ready"
            )
        tasks = self.task_names().values()
        return (
            f"the server at {self.endpoint.url} has no task {task}, only {', '.join(tasks) or 'none at all'}; "
            "`shardwise render-dev` without a command serves ours"
        )


def _json(answer: httpx.Response) -> Any:  # noqa: ANN401 — any JSON
    """The body of a success.

    Raises:
        TerminalError: The request is refused.
        LostError: The server has trouble of its own.
    """
    if answer.is_success:
        return answer.json()
    kind = LostError if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS else TerminalError
    raise kind(f"Render answers {answer.status_code}: {_message(answer)}")


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()[:200]
