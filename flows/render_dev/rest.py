"""The REST interface below /v1 for the SDK, the official CLI and other clients."""

from __future__ import annotations

import functools
import json
import traceback
from typing import TYPE_CHECKING, Any

from aiohttp import web

from flows.render_dev.coordinator import Coordinator, NotActiveError, TooLargeError
from flows.render_dev.registration import Registration, RegistrationError
from flows.render_dev.views import details_view, run_view, task_view

if TYPE_CHECKING:
    from multidict import MultiMapping

    from flows.render_dev.models import TaskRun
    from flows.render_dev.run_store import RunStore

DEFAULT_PAGE, LARGEST_PAGE = 20, 100  # runs in one answer of the cloud
Handler = "Callable[[web.Request], Awaitable[web.StreamResponse]]"
to_json = functools.partial(json.dumps, separators=(",", ":"), allow_nan=False)


class BadRequestError(Exception):
    """The body is invalid; the message says why."""


class Rest:
    """Answers requests about tasks and runs."""

    def __init__(self, store: RunStore, registration: Registration, coordinator: Coordinator, *, pages: bool) -> None:
        self._store, self._registration, self._coordinator, self._pages = store, registration, coordinator, pages
        self._ended: dict[TaskRun, bytes] = {}  # entries of ended runs, which do not change

    def add_routes(self, app: web.Application) -> None:
        """Add the routes, each with and without a trailing slash."""
        for slash in ("", "/"):
            app.router.add_get(f"/v1/tasks{slash}", self.list_tasks, allow_head=False)
            app.router.add_get(f"/v1/tasks/{{slug}}{slash}", self.get_task, allow_head=False)
            app.router.add_post(f"/v1/task-runs{slash}", self.start_run)
            app.router.add_get(f"/v1/task-runs{slash}", self.list_runs, allow_head=False)
            app.router.add_get(f"/v1/task-runs/{{id}}{slash}", self.get_run, allow_head=False)
            app.router.add_delete(f"/v1/task-runs/{{id}}{slash}", self.cancel_run)

    async def list_tasks(self, _request: web.Request) -> web.Response:
        """List the tasks of the current code."""
        await self._registration.refresh()
        return answer([{"cursor": task.id, "task": task_view(task)} for task in self._store.tasks.values()])

    async def get_task(self, request: web.Request) -> web.Response:
        """Describe one registered task, by id or name."""
        task = self._store.task(request.match_info["slug"])
        return answer(task_view(task)) if task else refusal(404, "task not found")

    async def start_run(self, request: web.Request) -> web.Response:
        """Start a run of a task of the current code."""
        body = await _body(request)
        slug, key = _text(body, "task"), _text(body, "idempotencyKey") or None
        await self._registration.refresh()
        if (task := self._store.resolve(slug)) is None:
            return refusal(404, f"task not found: {slug}")
        try:
            run = self._coordinator.start(task, to_json(body.get("input")).encode(), key=key)
        except TooLargeError as error:
            return refusal(413, str(error))
        return answer(run_view(run), status=202)

    async def list_runs(self, request: web.Request) -> web.Response:
        """List runs with subtasks, oldest first; `taskSlug` selects the runs of one task.

        By default all runs are listed, as on the official local server. Below `rootTaskRunId`, a page is listed, as on
        the cloud: `limit` runs after `cursor`.
        """
        slug = request.query.get("taskSlug")
        runs = [run for run in self._store.runs.values() if not slug or slug in {run.task.name, run.task.id}]
        if self._pages:
            runs = _page(runs, request.query)
        body = b"[" + b",".join(map(self._entry, runs)) + b"]"
        return web.Response(body=body, content_type="application/json", charset="utf-8")

    def _entry(self, run: TaskRun) -> bytes:
        """Return the entry of a run in the list; entries of ended runs are cached."""
        if (known := self._ended.get(run)) is not None:
            return known
        entry = to_json({"cursor": run.id, "taskRun": run_view(run)}).encode()
        if run.ended.is_set():
            self._ended[run] = entry
        return entry

    async def get_run(self, request: web.Request) -> web.Response:
        """Describe one run completely."""
        run = self._store.runs.get(request.match_info["id"])
        return answer(details_view(run)) if run else refusal(404, "task run not found")

    async def cancel_run(self, request: web.Request) -> web.Response:
        """Cancel a root run and all below it."""
        identity = request.match_info["id"]
        if (run := self._store.runs.get(identity)) is None:
            return refusal(404, f"task run not found: {identity}")
        try:
            self._coordinator.cancel(run)
        except NotActiveError as error:
            return refusal(500, str(error))
        return web.Response(status=204)


def answer(payload: Any, *, status: int = 200) -> web.Response:  # noqa: ANN401 — any JSON
    """Answer with JSON."""
    return web.json_response(payload, status=status, dumps=to_json)


def refusal(status: int, message: str) -> web.Response:
    """Answer with an error in the form that the SDK shows."""
    return answer({"message": message}, status=status)


async def _body(request: web.Request) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        BadRequestError: The body is not a JSON object.
    """
    try:
        body = json.loads(await request.read(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequestError(f"the body must be a JSON object, not {type(body).__name__}")
    return body


def _text(body: dict[str, Any], name: str) -> str:
    """Return a text field; empty if it is missing.

    Raises:
        BadRequestError: The field is not a text.
    """
    value = body.get(name)
    if not isinstance(value, str | None):
        raise BadRequestError(f"{name} is {value!r:.80}; it must be a string")
    return value or ""


def _page(runs: list[TaskRun], query: MultiMapping[str]) -> list[TaskRun]:
    """Return a page of runs as the cloud does.

    Raises:
        BadRequestError: The limit is out of range, or the cursor is not in the list.
    """
    roots = set(query.getall("rootTaskRunId", []))
    found = [run for run in runs if not roots or run.root.id in roots]
    limit, cursor = query.get("limit", str(DEFAULT_PAGE)), query.get("cursor")
    if not limit.isdecimal() or not 1 <= int(limit) <= LARGEST_PAGE:
        raise BadRequestError(f"limit is {limit!r:.80}; it must be a whole number from 1 to {LARGEST_PAGE}")
    first = 0
    if cursor:
        if cursor not in (ids := [run.id for run in found]):
            raise BadRequestError(f"cursor is {cursor!r:.80}; it must be one of the list")
        first = ids.index(cursor) + 1
    return found[first : first + int(limit)]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


@web.middleware
async def explain_errors(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 — aiohttp's handler
    """Turn errors into answers."""
    try:
        response: web.StreamResponse = await handler(request)
    except BadRequestError as error:
        return refusal(400, str(error))
    except RegistrationError as error:
        return refusal(500, str(error))
    except web.HTTPNotFound:
        return web.Response(status=404, text="404 page not found\n")
    except web.HTTPException:
        raise
    except ConnectionError:  # the client has left
        return web.Response()
    except Exception as error:  # noqa: BLE001 — our defect must neither end the server nor be hidden
        traceback.print_exc()
        return refusal(500, f"the local server failed: {error!r}")
    return response
