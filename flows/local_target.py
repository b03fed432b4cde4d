"""A pipeline as a target of ``shardwise check``: a run is one process that forks for each attempt.

It works like engine "local", with the same steps, attempts and ledger, but without waits and with one step at a time.
"""

from __future__ import annotations

import os
import pickle
import secrets
import types
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from flows.engine.observed_on import version_of
from flows.engine.target import ForkedRun, Outcome, Prepared
from shared.isolation.lifetime import die_with
from shared.run import steps
from shared.run.errors import ShardsFailedError, TerminalError, TransientError
from shared.run.ledger import record_worker_death
from shared.run.loading import allow
from shared.run.new_job import make_job
from shared.run.parameters import read_options
from shared.run.policy import shard_policy
from shared.run.run import Run as PipelineRun
from shared.run.settings import Settings
from shared.run.step_names import AGGREGATE, STAGE, shard_step
from shared.run.store import open_store
from shared.state.files import Files
from shared.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from flows.engine.target import Host, JobProcesses, JobRun, Json, Loaded, Request, Runner
    from shared.run.job import Job
    from shared.state.table import State

MEMBERS = ("stage", "accept", "process_shard", "aggregate")
SHARDS = 3  # at most this many: a first, a middle and a last one
STORE = "store"
BETWEEN = "between steps"
VERIFY_SECONDS = 60.0
PROTOCOL = {"job.json", "result.json", "invocations", "attempts", "manifests", "parts"}  # files in a run's folder


class PipelineTarget:
    """Checks pipelines."""

    title = "pipeline"

    def recognises(self, thing: object) -> bool:
        """Whether it has the members of a pipeline."""
        if isinstance(thing, type | types.FunctionType):
            return False
        return all(callable(getattr(thing, name, None)) for name in ("process_shard", "aggregate"))

    def prepare(self, job: Loaded) -> Prepared:
        """Have its members followed."""
        if job.request.input or job.request.task:
            raise TerminalError("--task and --input are for apps; a pipeline takes --param key=value")
        followed = [name for name in MEMBERS if callable(getattr(job.thing, name, None))]
        for name in followed:
            identity = _shard_of if name == "process_shard" else _once
            _set(job.thing, name, job.probe.wrap(name, getattr(job.thing, name), identity))
        return Prepared(tuple(followed))

    def run(self, job: Loaded, order: Json, tell: Callable[[Json], None]) -> Outcome:
        """Run it, or resume the run that the order names."""
        allow(job.reference, job.request.folder)
        made = make_job(
            run_id=order["run_id"],
            pipeline=job.reference,
            store_url=str(job.request.work / STORE),
            num_shards=min(SHARDS, Settings.read().num_shards),
            parameters=read_options(job.request.parameters),
        )
        if order.get("verify"):
            tell({"problems": _verify(made)})
            return Outcome(completed=True)
        attempts = _Attempts(made, job)
        try:
            result = attempts.run()
        except Exception as error:  # noqa: BLE001 — any error of the job is how its run ended
            outcome = Outcome(completed=False, message=f"{type(error).__name__}: {error}")
        else:
            outcome = Outcome(completed=True, message=f"digest {result['digest']}")
        tell(vars(outcome) | {"settled": True})
        attempts.wait_for_stopped()
        return outcome

    def work(self, job: Loaded) -> None:
        """Fail: no engine starts processes of a pipeline."""
        raise TerminalError(f"{job.reference} is a pipeline, which nothing but a host runs")

    @contextmanager
    def open(self, request: Request, launcher: JobProcesses) -> Iterator[Runner]:
        """Provide one host; its store is in the folder that all processes of the job share."""
        with launcher.host({}) as host:
            yield PipelineRunner(host, request.work / STORE)


class PipelineRunner:
    """Runs a pipeline in forks of one host."""

    can_retry = assumes_dead = True

    def __init__(self, host: Host, store: Path) -> None:
        self._host, self._store = host, store
        self.served_by = f"shardwise {version_of('shardwise')}, engine local"

    def start(self) -> JobRun:
        """Start a run with a new id."""
        return self._start({"run_id": f"check-{secrets.token_hex(4)}"})

    def retry(self, run: JobRun) -> JobRun | None:
        """Start the same run_id again, which resumes."""
        return self._start(run.order) if isinstance(run, ForkedRun) else None

    def published(self, run: JobRun) -> State:
        """Return the run's output, the files next to it, and what its ``verify`` found."""
        if not isinstance(run, ForkedRun):
            return {}
        folder = self._store / "runs" / run.order["run_id"]
        state: State = {}
        for path in sorted(folder.iterdir()):
            if path.name not in PROTOCOL:
                state |= Files(f"published/{path.name}", path).read()
        verifying = self._host.start(run.order | {"verify": True})
        if (outcome := verifying.wait(VERIFY_SECONDS)) is None:
            verifying.stop()
            raise TransientError(f"verify did not return within {VERIFY_SECONDS:g} s")
        if not outcome.completed:
            raise TransientError(f"verify failed: {outcome.message}")
        problems = tuple((problem,) for problem in verifying.told().get("problems", ()))
        return state | {"verify": Table(("problem",), problems, unit="line")}

    def unfollowed(self, run: JobRun, followed: Mapping[str, int]) -> list[str]:
        """Empty: all members are followed."""
        del run, followed
        return []

    def forget(self) -> None:
        """Remove runs and stagings of earlier experiments."""
        import shutil

        shutil.rmtree(self._store, ignore_errors=True)

    def _start(self, order: Json) -> ForkedRun:
        return ForkedRun(self._host.start(order), order)


class _Attempts:
    """The steps of one run, each attempt in its own process."""

    def __init__(self, job: Job, loaded: Loaded) -> None:
        self._job, self._loaded = job, loaded
        self._stopped: list[int] = []

    def run(self) -> Json:
        """Take the job through its steps; return its result."""
        self._job = steps.open_run(self._job)
        remaining = self._step(STAGE, steps.stage)["remaining_shards"]
        failures: dict[int, BaseException] = {}
        for shard in remaining:
            try:
                self._step(shard_step(shard), steps.process_shard, shard)
            except Exception as error:  # noqa: BLE001 — the other shards continue
                failures[shard] = error
        if failures:
            retries = shard_policy().max_retries
            raise ShardsFailedError.of(self._job.run_id, failures, self._job.num_shards, retries)
        return self._step(AGGREGATE, steps.aggregate)

    def wait_for_stopped(self) -> None:
        """Wait for attempts that counted as dead."""
        for pid in self._stopped:
            os.waitpid(pid, 0)

    def _step(self, step: str, function: Callable[..., Json], *arguments: int) -> Json:
        with self._loaded.probe.follow_orchestrator(BETWEEN, step) as between:
            between.begin()
        for retries_left in reversed(range(shard_policy().max_attempts)):
            try:
                return self._attempt(step, partial(function, self._job, *arguments))
            except TerminalError:
                raise
            except Exception:
                if not retries_left:
                    raise
        raise AssertionError  # the last attempt returns or raises

    def _attempt(self, step: str, call: Callable[[], Json]) -> Json:
        answer = self._loaded.request.work / f"answer-{secrets.token_hex(4)}"
        parent = os.getpid()
        if (pid := os.fork()) == 0:
            die_with(parent)
            _answer(call, answer)
            os._exit(0)
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            self._stopped.append(pid)
            raise TransientError(f"the process of {step} does not answer and counts as dead")
        if answer.exists():
            error, result = pickle.loads(answer.read_bytes())  # noqa: S301 — our own fork wrote it
            answer.unlink()
            if error is not None:
                raise error
            return dict(result)
        reason = f"killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "gone without an answer"
        record_worker_death(self._job, step, reason, pid)
        raise TransientError(f"the process of {step} was {reason}")


def _verify(job: Job) -> list[str]:
    """Return the problems that the pipeline finds outside its store after a run."""
    run = PipelineRun(job, open_store(job.store_url))
    if not callable(verify := getattr(run.pipeline, "verify", None)):
        return []
    return [str(problem) for problem in verify(run.context(0), run.result())]


def _answer(call: Callable[[], Json], file: Path) -> None:
    """Write what a call returns or raises, completely or not at all."""
    try:
        answer: tuple[BaseException | None, Json | None] = (None, call())
    except BaseException as error:  # noqa: BLE001 — SystemExit, too, fails the attempt
        answer = (error, None)
    try:
        data = pickle.dumps(answer)
    except Exception:  # noqa: BLE001 — an error may hold anything
        data = pickle.dumps((TransientError(f"{type(answer[0]).__name__}: {answer[0]}"), None))
    new = file.with_suffix(".new")
    new.write_bytes(data)
    new.rename(file)


def _set(pipeline: Any, name: str, function: Callable[..., Any]) -> None:  # noqa: ANN401 — a module, too
    try:
        setattr(pipeline, name, function)
    except AttributeError:  # a frozen dataclass
        object.__setattr__(pipeline, name, function)


def _shard_of(_context: object, shard_id: int, _path: object) -> str:
    return shard_step(shard_id)


def _once(*_: object) -> str:
    return ""
