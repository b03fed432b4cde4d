"""A Render Workflows app as a target of ``shardwise check``: a root task on a local server, one process per attempt."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from flows.engine.observed_on import version_of
from flows.engine.target import Outcome, Prepared
from flows.on_render.api import RenderApi, VanishedError
from flows.on_render.endpoint import Endpoint
from flows.on_render.follow import FINAL, SUCCEEDED
from flows.render_dev.child import READY_SECONDS, ServerFailedError, ServerProcess
from shared.isolation.lifetime import ENDED, STOPPED, children, state_of
from shared.run.errors import TerminalError, TransientError
from shared.tracing.own_code import is_library
from shared.tracing.probe import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from render.workflows import TaskDefinition

    from flows.engine.target import JobProcesses, JobRun, Json, Loaded, Request, Runner
    from shared.state.table import State

    AnyDefinition = TaskDefinition[..., Any]

TASKS_AT_ONCE = 20
RETRY_SECONDS = 30.0  # the retries of every task, because only the server knows declared waits
POLL_INTERVAL = 0.02
CONFIRM_SECONDS = 0.2  # before a failed run is checked again; a failed attempt briefly shows as a failed run
EXIT_SECONDS = 5.0  # from the end of a run to the end of its processes


class RenderApp:
    """Checks Render Workflows apps."""

    title = "app"

    def recognises(self, thing: object) -> bool:
        """Whether it is an app; false if Render's SDK is not imported."""
        module = sys.modules.get("render.workflows")
        return module is not None and isinstance(thing, module.Workflows)

    def prepare(self, job: Loaded) -> Prepared:
        """Find the definitions of its tasks; their functions are followed in the processes that run them."""
        if job.request.parameters:
            raise TerminalError("--param is for flows and pipelines; an app takes --task and --input")
        tasks = _definitions()
        task = _first_task(job.request, tasks)
        if task not in tasks:
            raise TerminalError(f"the app has no task {task}; it has {', '.join(tasks) or 'none that a module holds'}")
        _arguments(job.request)
        return Prepared(tuple(tasks), retry_seconds=RETRY_SECONDS)

    def run(self, job: Loaded, order: Json, tell: Callable[[Json], None]) -> Outcome:
        """Fail: the server runs an app."""
        del order, tell
        raise TerminalError(f"{job.reference} is an app, whose processes a server starts")

    def work(self, job: Loaded) -> None:
        """Make the attempt of the server's request, or register the tasks.

        A worker's registry keeps the first function of a name, so followed functions are registered first.
        """
        from render.workflows.task import get_task_registry

        if os.environ.get("RENDER_SDK_MODE") == "run":
            for name, definition in _definitions().items():
                get_task_registry().register(job.probe.wrap(name, definition.func, _without_context), name)
        job.thing.start()

    @contextmanager
    def open(self, request: Request, launcher: JobProcesses) -> Iterator[Runner]:
        """Provide a local server whose workers are processes of the job."""
        arguments = ["--port", "0", "--like-cloud", "--max-concurrency", str(TASKS_AT_ONCE), "--stopped-is-lost"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RENDER")}
        server = ServerProcess([*arguments, "--", *launcher.command], environment, request.folder)
        try:
            with RenderApi(Endpoint(server.wait_ready(READY_SECONDS))) as api:
                task = next(iter(api.task_names().values())) if not request.task else request.task
                yield AppRunner(api, server, task, _arguments(request))
        except ServerFailedError as error:
            raise TransientError(str(error)) from error
        finally:
            server.stop()


class AppRunner:
    """Runs an app on a local server."""

    can_retry, assumes_dead = False, True

    def __init__(self, api: RenderApi, server: ServerProcess, task: str, arguments: list[Any]) -> None:
        self._api, self._server, self._task, self._arguments = api, server, task, arguments
        self.served_by = f"a local server with Render's SDK {version_of('render')}"

    def start(self) -> JobRun:
        return AppRun(self._api, self._server, self._api.start(self._task, self._arguments))

    def retry(self, run: JobRun) -> JobRun | None:
        """None: a run that failed after all retries stays failed, and only a new run can start."""
        del run
        return None

    def published(self, run: JobRun) -> State:
        """Empty: results are internal to Render."""
        del run
        return {}

    def unfollowed(self, run: JobRun, followed: Mapping[str, int]) -> list[str]:
        if not isinstance(run, AppRun):
            return []
        names = self._api.task_names()
        called = {names[each["taskId"]] for each in self._api.subtasks(run.id)}
        return [
            f"the task {name} is out of reach; its lines are not tried" for name in sorted(called - followed.keys())
        ]

    def forget(self) -> None:
        """Do nothing: a server keeps nothing that a later run would use."""


class AppRun:
    """One run of the root task, with its subtasks."""

    def __init__(self, api: RenderApi, server: ServerProcess, run_id: str) -> None:
        self._api, self._server, self.id = api, server, run_id

    def wait(self, seconds: float) -> Outcome | None:
        """Wait for the end of the run, its subtasks and its processes, except stopped ones."""
        deadline = time.monotonic() + seconds
        while (outcome := self._outcome()) is None:
            if time.monotonic() >= deadline:
                return None
            time.sleep(POLL_INTERVAL)
        return outcome

    def stop(self) -> None:
        """Cancel what is running, and end remaining processes."""
        with suppress(TransientError, TerminalError):
            self._api.cancel(self.id)
        for pid in self._workers():
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._wait_for_workers()

    def _outcome(self) -> Outcome | None:
        try:
            run = self._api.run(self.id)
            if run["status"] not in FINAL:
                return None
            if run["status"] == "failed":
                time.sleep(CONFIRM_SECONDS)
                run = self._api.run(self.id)
        except VanishedError:
            return None
        if run["status"] not in FINAL or any(each["status"] not in FINAL for each in self._api.subtasks(self.id)):
            return None
        self._wait_for_workers()
        message = run.get("error") or run["status"]
        return Outcome(completed=run["status"] in SUCCEEDED, message=str(message))

    def _wait_for_workers(self) -> None:
        """Wait until no process of a run is left that could write something."""
        deadline = time.monotonic() + EXIT_SECONDS
        while any(state_of(pid) not in ENDED | STOPPED for pid in self._workers()) and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL)

    def _workers(self) -> set[int]:
        return {pid for parent in children(self._server.process.pid) for pid in children(parent)}


def _definitions() -> dict[str, AnyDefinition]:
    """Return the tasks in the job's modules, by name."""
    from render.workflows import TaskDefinition

    found: dict[str, AnyDefinition] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and not is_library(str(file)):
            found |= {each.name: each for each in vars(module).values() if isinstance(each, TaskDefinition)}
    return found


def _first_task(request: Request, tasks: dict[str, AnyDefinition]) -> str:
    if request.task or len(tasks) == 1:
        return request.task or next(iter(tasks))
    raise TerminalError(f"an app with several tasks needs --task; it has {', '.join(tasks)}")


def _arguments(request: Request) -> list[Any]:
    try:
        arguments = json.loads(request.input or "[]")
    except ValueError as error:
        raise TerminalError(f"--input {request.input!r} is not JSON: {error}") from error
    if not isinstance(arguments, list):
        raise TerminalError(f"--input {request.input!r} must be a JSON list of arguments, such as '[7]'")
    return arguments


def _without_context(_context: object, *arguments: object, **named: object) -> str:
    return text_of(*arguments, **named)
