"""A Prefect flow as a target of ``shardwise check``: each run is one process, on a temporary server."""

from __future__ import annotations

import asyncio
import inspect
import json
import shutil
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, get_type_hints
from uuid import UUID

from flows.engine.observed_on import version_of
from flows.engine.target import ForkedRun, Outcome, Prepared
from flows.on_prefect.environment import PREFECT_ENVIRONMENT
from shared.run.errors import TerminalError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from prefect.client.schemas.objects import FlowRun, State, TaskRun

    from flows.engine.target import Host, JobProcesses, JobRun, Json, Loaded, Request, Runner
    from flows.on_prefect.task_objects import AnyFlow, AnyTask
    from shared.state.table import State as WatchedState

ASK_SECONDS = 60.0  # for a request to the server, in a fork
INGESTION_SECONDS, POLL_INTERVAL = 10.0, 0.2  # until the server knows all task runs, which it learns with a delay


class PrefectFlow:
    """Checks Prefect flows."""

    title = "flow"

    def recognises(self, thing: object) -> bool:
        """Whether it is a flow; false if Prefect is not imported."""
        prefect = sys.modules.get("prefect")
        return prefect is not None and isinstance(thing, prefect.Flow)

    def prepare(self, job: Loaded) -> Prepared:
        """Have the functions of all tasks that the flow can reach followed."""
        from flows.on_prefect.task_objects import reachable

        if job.request.input or job.request.task:
            raise TerminalError("--task and --input are for apps; a flow takes --param key=value")
        _parameters(job)
        tasks, _ = reachable(job.thing)
        for name, objects in tasks.items():
            function = job.probe.wrap(name, objects[0].fn)
            for task in objects:
                task.fn = function
        waits = [_retry_seconds(each) for objects in tasks.values() for each in objects]
        return Prepared(tuple(tasks), retry_seconds=max([0.0, *waits, _retry_seconds(job.thing)]))

    def run(self, job: Loaded, order: Json, tell: Callable[[Json], None]) -> Outcome:
        """Run the flow, or retry a run as ``prefect flow-run retry`` does, or list a run's tasks."""
        from prefect.client.orchestration import get_client

        flow: AnyFlow = job.thing
        if "tasks_of" in order:
            tell({"unfollowed": _unfollowed(flow, UUID(order["tasks_of"]), order["expected"])})
            return Outcome(completed=True)
        with get_client(sync_client=True) as client:
            if "flow_run_id" in order:
                flow_run = _scheduled_again(UUID(order["flow_run_id"]))
            else:
                flow_run = client.create_flow_run(flow, parameters=_parameters(job))
        tell({"flow_run_id": str(flow_run.id)})
        with job.probe.follow_orchestrator(flow.name) as followed, followed.active():
            followed.begin()
            state = _run(flow, flow_run)
            if error := _error_of(state):
                followed.fail(error)
            followed.end()
        return Outcome(completed=state.is_completed(), message=state.message or state.name or "")

    def work(self, job: Loaded) -> None:
        """Fail: no engine starts processes of a flow."""
        raise TerminalError(f"{job.reference} is a flow, which nothing but a host runs")

    @contextmanager
    def open(self, request: Request, launcher: JobProcesses) -> Iterator[Runner]:
        """Provide a temporary server, and a host whose forks use it."""
        from flows.on_prefect.temporary_server import temporary_server

        home, results = request.work / "prefect", request.work / "results"
        home.mkdir()
        with temporary_server(home) as url:
            environment = PREFECT_ENVIRONMENT | {
                "PREFECT_API_URL": url,
                "PREFECT_API_KEY": "",
                "PREFECT_LOCAL_STORAGE_PATH": str(results),
            }
            with launcher.host(environment) as host:
                yield FlowRunner(host, results)


class FlowRunner:
    """Runs a flow in forks of one host."""

    can_retry, assumes_dead = True, False

    def __init__(self, host: Host, results: Path) -> None:
        self._host, self._results = host, results
        self.served_by = f"Prefect {version_of('prefect')}, a temporary server"

    def start(self) -> JobRun:
        return ForkedRun(self._host.start({}))

    def retry(self, run: JobRun) -> JobRun | None:
        if (flow_run_id := _told(run, "flow_run_id")) is None:
            return None
        return ForkedRun(self._host.start({"flow_run_id": flow_run_id}))

    def published(self, run: JobRun) -> WatchedState:
        """Empty: results are internal to Prefect."""
        del run
        return {}

    def unfollowed(self, run: JobRun, followed: Mapping[str, int]) -> list[str]:
        order = {"tasks_of": _told(run, "flow_run_id"), "expected": sum(followed.values())}
        asking = ForkedRun(self._host.start(order))
        if (outcome := asking.wait(ASK_SECONDS)) is None or not outcome.completed:
            asking.stop()
            raise TransientError(f"Prefect's server cannot be asked for task runs: {outcome and outcome.message}")
        return list(_told(asking, "unfollowed") or [])

    def forget(self) -> None:
        """Remove persisted results, which tasks would reuse instead of running."""
        shutil.rmtree(self._results, ignore_errors=True)


def _told(run: JobRun, name: str) -> Any:  # noqa: ANN401 — what a fork told
    return run.process.told().get(name) if isinstance(run, ForkedRun) else None


def _run(flow: AnyFlow, flow_run: FlowRun) -> State[Any]:
    """Return the final state of a run in this process."""
    from prefect.flow_engine import run_flow

    returned: Any = run_flow(flow, flow_run=flow_run, return_type="state")
    if inspect.isawaitable(returned):
        returned = asyncio.run(_awaited(returned))
    state: State[Any] = returned
    return state


def _error_of(state: State[Any]) -> BaseException | None:
    """Return the error that a flow raised; None without one."""
    if not state.is_failed():
        return None
    found = state.result(raise_on_failure=False)
    return found if isinstance(found, BaseException) else None


async def _awaited(coroutine: Any) -> Any:  # noqa: ANN401 — asyncio.run wants a coroutine
    return await coroutine


def _scheduled_again(flow_run_id: UUID) -> FlowRun:
    """Schedule a run that a user retries; a run whose process died counts as running and is first marked as Crashed."""
    from prefect.client.orchestration import get_client
    from prefect.states import Crashed, Scheduled

    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(flow_run_id)
        if flow_run.state is None or not flow_run.state.is_final():
            client.set_flow_run_state(flow_run_id, Crashed(message="its process died"), force=True)
        client.set_flow_run_state(flow_run_id, Scheduled(message="retried"), force=True)
        return client.read_flow_run(flow_run_id)


def _parameters(job: Loaded) -> Json:
    """Convert texts to the flow's parameters."""
    flow: AnyFlow = job.thing
    known = inspect.signature(flow.fn).parameters
    texts = dict(_pair(each) for each in job.request.parameters)
    anything = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in known.values())
    if unknown := [name for name in texts if name not in known and not anything]:
        raise TerminalError(f"the flow {flow.name} has no parameter {', '.join(unknown)}; it has {', '.join(known)}")
    plain = {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
    needed = [name for name, each in known.items() if each.default is each.empty and each.kind not in plain]
    if missing := [name for name in needed if name not in texts]:
        raise TerminalError(f"the flow {flow.name} needs " + " ".join(f"--param {name}=…" for name in missing))
    values = {name: _fitting(text, _hint(flow, name)) for name, text in texts.items()}
    try:
        return flow.serialize_parameters(flow.validate_parameters(values)) if values else {}
    except Exception as error:
        raise TerminalError(f"the flow {flow.name} does not accept its parameters: {str(error).strip()}") from error


def _hint(flow: AnyFlow, name: str) -> Any:  # noqa: ANN401 — any annotation
    try:
        return get_type_hints(flow.fn).get(name, Any)
    except Exception:  # noqa: BLE001 — annotations may name what is imported for type checkers only
        return Any


def _fitting(text: str, hint: Any) -> Any:  # noqa: ANN401 — any JSON
    """Parse a text as JSON if that gives the wanted type; otherwise return the text."""
    from pydantic import TypeAdapter

    try:
        value = json.loads(text)
        TypeAdapter(hint).validate_python(value)
    except Exception:  # noqa: BLE001 — a type may raise anything
        return text
    return value


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise TerminalError(f"--param {text!r} must be like key=value")
    return name, value


def _retry_seconds(thing: AnyTask | AnyFlow) -> float:
    """Return the total wait of the retries of a task or flow."""
    delay, retries = thing.retry_delay_seconds, thing.retries or 0
    if isinstance(delay, list):
        return sum((delay + delay[-1:] * retries)[:retries]) if delay else 0.0
    return float(delay or 0) * retries if isinstance(delay, int | float) else 0.0


def _unfollowed(flow: AnyFlow, flow_run_id: UUID, expected: int) -> list[str]:
    """Return the tasks of a run that are not followed, when the server knows at least the expected runs."""
    from flows.on_prefect.task_objects import reachable

    tasks, _ = reachable(flow)
    known = {task.task_key for objects in tasks.values() for task in objects}
    deadline = time.monotonic() + INGESTION_SECONDS
    while True:
        runs = _task_runs(flow_run_id)
        if sum(key in known for key, _ in runs) >= expected or time.monotonic() > deadline:
            break
        time.sleep(POLL_INTERVAL)
    names = dict.fromkeys(name for key, name in runs if key not in known)
    return [
        f"the task {name} is created while the flow runs, or is out of reach; its lines are not tried" for name in names
    ]


def _is_subflow(run: TaskRun) -> bool:
    """Whether a task run only represents a subflow in its parent."""
    return bool(run.state and run.state.state_details.child_flow_run_id)


def _task_runs(flow_run_id: UUID) -> list[tuple[str, str]]:
    """Return key and function name of all task runs of a run and of its subflows."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterParentFlowRunId

    with get_client(sync_client=True) as client:
        ids, found = [flow_run_id], []
        while ids:
            of_these = FlowRunFilter(id=FlowRunFilterId(any_=ids))
            runs = client.read_task_runs(flow_run_filter=of_these)
            found += [(run.task_key, run.task_key.rpartition("-")[0]) for run in runs if not _is_subflow(run)]
            children = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=ids))
            ids = [run.id for run in client.read_flow_runs(flow_run_filter=children)]
    return found
