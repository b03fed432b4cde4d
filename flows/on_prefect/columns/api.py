"""A client of Prefect's REST API with what the comparison needs; it reads all pages of a list."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Self

import httpx

PAGE = 200  # entries in one answer, the server's limit
BUSY = {429, 503}  # the second is also sent when SQLite is locked
PATIENCE, PAUSE = 60.0, 0.5  # seconds between two requests to a busy server
TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}  # types of a flow run's final state
Json = dict[str, Any]


class PrefectApi:
    """Reads and writes. Close it, or use it in a ``with`` block."""

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
        """Whether the server reports that it is ready."""
        return self._http.get("/health").is_success

    def version(self) -> str:
        """Return the server's version."""
        return str(self.get("/admin/version"))

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401 — any JSON
        """Return the answer to a GET."""
        return self._ask("GET", path, params=query).json()

    def post(self, path: str, body: Json) -> Any:  # noqa: ANN401 — any JSON
        """Return the answer to a POST; None if it is empty."""
        answer = self._ask("POST", path, json=body)
        return answer.json() if answer.content else None

    def patch(self, path: str, body: Json) -> None:
        """Send a PATCH."""
        self._ask("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """Send a DELETE."""
        self._ask("DELETE", path)

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:  # noqa: ANN401 — httpx's own
        """Send a request, and repeat it while the server is too busy, as Prefect's own client does."""
        deadline = time.monotonic() + PATIENCE
        while (
            answer := self._http.request(method, path, **content)
        ).status_code in BUSY and time.monotonic() < deadline:
            threading.Event().wait(PAUSE)
        return answer.raise_for_status()

    def all(self, path: str, body: Json) -> list[Json]:
        """Yield everything that a filter finds, page after page."""
        found: list[Json] = []
        while True:
            page = self.post(path, body | {"limit": PAGE, "offset": len(found)})
            found += page
            if len(page) < PAGE:
                return found

    def flow_runs(self, run_id: str) -> list[Json]:
        """Return the flow runs with a name, oldest first."""
        found = self.all("/flow_runs/filter", {"flow_runs": {"name": {"any_": [run_id]}}})
        return sorted(found, key=lambda flow_run: str(flow_run["created"]))

    def task_runs(self, flow_run_id: str) -> list[Json]:
        """Return the task runs of a flow run, in a fixed order, which pages need."""
        of_flow_run = {"flow_runs": {"id": {"any_": [flow_run_id]}}, "sort": "ID_DESC"}
        return self.all("/task_runs/filter", of_flow_run)

    def set_state(self, flow_run_id: str, state: str, *, force: bool = False) -> None:
        """Request a type of state for a flow run, or force it."""
        self.post(f"/flow_runs/{flow_run_id}/set_state", {"state": {"type": state}, "force": force})
