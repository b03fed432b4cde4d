"""The interface for workers, with one Unix socket each: input, answer, subtasks."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from flows.render_dev.coordinator import Coordinator, TooLargeError
from flows.render_dev.models import Completed, Failed, Status, TaskRun
from flows.render_dev.registration import declared_tasks

if TYPE_CHECKING:
    from flows.render_dev.processes.workers import TaskWorker, Workers
    from flows.render_dev.run_store import RunStore

# The SDK asks once, then sleeps for a second. Holding the answer back until the subtask ends saves that second. Each
# held call uses one of the worker's few SDK threads (cores + 4). In a fan-out, the other calls wait without harm,
# because all subtasks have been started before the first question, and each answer frees a thread.
HELD_SECONDS = (
    2.0  # seconds; the SDK waits 15 for a call, and a subtask that starts meanwhile may wait for a thread this long
)
JSON = dict[str, Any]


class WorkerApi:
    """Answers workers; the socket identifies the worker."""

    def __init__(self, store: RunStore, workers: Workers, coordinator: Coordinator) -> None:
        self._store, self._workers, self._coordinator = store, workers, coordinator

    def application(self) -> web.Application:
        """Build the routes."""
        app = web.Application(client_max_size=0, middlewares=[_refuse_bad_bodies])
        app.router.add_get("/input", self.get_input, allow_head=False)
        app.router.add_post("/callback", self.callback)
        app.router.add_post("/run-subtask", self.run_subtask)
        app.router.add_post("/get-subtask-result", self.subtask_result)
        app.router.add_post("/register-tasks", self.register)
        return app

    def _worker(self, request: web.Request) -> TaskWorker:
        worker = self._workers.at(str(request.get_extra_info("sockname")))
        if worker is None:
            raise web.HTTPGone(text="this worker has ended")
        return worker

    async def get_input(self, request: web.Request) -> web.Response:
        """Return the task's name and arguments, and the ids for `ctx.metadata`."""
        if (run := self._worker(request).run) is None:
            return web.json_response({"input": None, "task_name": ""})
        ids = {"task_run_id": run.id, "root_task_run_id": run.root.id}
        if run.parent:
            ids["parent_task_run_id"] = run.parent.id
        return web.json_response({"input": base64.b64encode(run.input).decode(), "task_name": run.task.name} | ids)

    async def callback(self, request: web.Request) -> web.Response:
        """Accept the attempt's result or error."""
        body = await request.json()
        complete, error = body.get("complete"), body.get("error")
        if complete is not None:
            output = complete.get("output")
            answer: Completed | Failed = Completed(base64.b64decode(output, validate=True) if output else None)
        elif error is not None:
            answer = Failed(str(error.get("details", "")))
        else:
            answer = Failed("the worker answered with neither a result nor an error")
        self._worker(request).accept(answer)
        return web.Response()

    async def register(self, request: web.Request) -> web.Response:
        """Accept the declared tasks."""
        tasks = declared_tasks(await request.json())
        worker = self._worker(request)
        if worker.run is None:
            worker.accept(tasks)
        return web.Response()

    async def run_subtask(self, request: web.Request) -> web.Response:
        """Start a subtask of the worker's run; the same key and time return the same run."""
        body = await request.json()
        name, arguments = str(body["task_name"]), base64.b64decode(body.get("input") or "W10=", validate=True)
        json.loads(arguments)
        parent = self._worker(request).run
        if parent is None:
            return web.Response(status=500, text="error running subtask: a registration cannot run tasks")
        if (task := self._store.tasks.get(name)) is None:
            return web.Response(status=500, text=f'subtask "{name}" not found')
        key = (body["idempotency_key"], body.get("created_at")) if body.get("idempotency_key") else None
        try:
            run = self._coordinator.start(task, arguments, parent=parent, key=key)
        except TooLargeError as error:
            return web.Response(status=413, text=str(error))
        return web.json_response({"task_run_id": run.id})

    async def subtask_result(self, request: web.Request) -> web.Response:
        """Return how a subtask ended, after a short wait."""
        body = await request.json()
        run = self._store.runs.get(body["task_run_id"])
        if run is None:
            return web.Response(status=500)
        if not run.ended.is_set():
            await _wait(run, HELD_SECONDS)
        return web.json_response(_result(run))


async def _wait(run: TaskRun, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await run.ended.wait()
    except TimeoutError:
        return


def _result(run: TaskRun) -> JSON:
    if not run.ended.is_set():
        return {"still_running": True}
    if run.status is Status.CANCELED:
        return {"still_running": False, "error": {"details": "canceled"}}
    match run.attempts[-1].outcome:
        case Completed(output):
            return {"still_running": False, "complete": {"output": base64.b64encode(output or b"").decode()}}
        case outcome:
            return {"still_running": False, "error": {"details": outcome.error if outcome else ""}}


@web.middleware
async def _refuse_bad_bodies(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 — aiohttp's handler
    """Answer 400 to a body that is not JSON, or has another form."""
    try:
        response: web.StreamResponse = await handler(request)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return web.Response(status=400, text=f"can't decode JSON body: {error}")
    except web.HTTPNotFound:
        return web.Response(status=404, text="404 page not found\n")
    return response
