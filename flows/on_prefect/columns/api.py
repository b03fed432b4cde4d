"""Prefect's REST interface, as far as the comparison needs it: whole lists, however many pages they have."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Self

import httpx

PAGE = 200  # entries of one answer, the server's limit
BUSY = {429, 503}  # the second also when SQLite is locked
PATIENCE, PAUSE = 60.0, 0.5  # seconds: to ask a busy server again, between two times
TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}  # types of a flow run's last state
Json = dict[str, Any]


class PrefectApi:
    """Reads and writes; close it, or use it in a ``with`` block."""

    def __init__(self, url: str) -> None:
        key = os.environ.get("PREFECT_API_KEY")
        name, colon, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            auth=(name, password) if colon else None,
            timeout=30,
            verify=url.startswith("https:"),  # reading certificates takes 20 ms
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def healthy(self) -> bool:
        """Whether the server says that it is ready."""
        return self._http.get("/health").is_success

    def version(self) -> str:
        """The server's."""
        return str(self.get("/admin/version"))

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401 — any JSON
        """What a GET answers."""
        return self._ask("GET", path, params=query).json()

    def post(self, path: str, body: Json) -> Any:  # noqa: ANN401 — any JSON
        """What a POST answers; None where it answers nothing."""
        answer = self._ask("POST", path, json=body)
        return answer.json() if answer.content else None

    def patch(self, path: str, body: Json) -> None:
        """Change something."""
        self._ask("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """Remove something."""
        self._ask("DELETE", path)

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:  # noqa: ANN401 — httpx's own
        """Ask, and ask again what the server was too busy for, as Prefect's own client does."""
        deadline = time.monotonic() + PATIENCE
        while (
            answer := self._http.request(method, path, **content)
        ).status_code in BUSY and time.monotonic() < deadline:
            threading.Event().wait(PAUSE)
        return answer.raise_for_status()

    def all(self, path: str, body: Json) -> list[Json]:
        """Everything that a filter finds, page after page."""
        found: list[Json] = []
        while True:
            page = self.post(path, body | {"limit": PAGE, "offset": len(found)})
            found += page
            if len(page) < PAGE:
                return found

    def flow_runs(self, run_id: str) -> list[Json]:
        """The flow runs that are called so, oldest first."""
        found = self.all("/flow_runs/filter", {"flow_runs": {"name": {"any_": [run_id]}}})
        return sorted(found, key=lambda flow_run: str(flow_run["created"]))

    def task_runs(self, flow_run_id: str) -> list[Json]:
        """The task runs of a flow run; in a fixed order, as pages need one."""
        of_flow_run = {"flow_runs": {"id": {"any_": [flow_run_id]}}, "sort": "ID_DESC"}
        return self.all("/task_runs/filter", of_flow_run)

    def set_state(self, flow_run_id: str, state: str, *, force: bool = False) -> None:
        """Ask for a type of state of a flow run, or force it."""
        self.post(f"/flow_runs/{flow_run_id}/set_state", {"state": {"type": state}, "force": force})
