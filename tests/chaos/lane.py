"""Disturbed runs, one after another: start, send signals, wait for the end, start again, look at what is left."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import psutil

from flows.render_dev.child import READY_SECONDS, ServerProcess
from shared.run.ledger import attempts_folder
from shared.run.new_job import make_job
from shared.run.settings import SAMPLE_DATA
from tests.chaos.findings import MARK, RUN_ID, processes_of, stray_files, wrong_output
from tests.chaos.plan import SHARDS, Disturbance, Plan
from tests.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path
    from threading import Lock

START_DEADLINE = 120.0  # seconds that a start may take on a busy machine, its retries included
GONE_DEADLINE = 30.0  # seconds from the end of a start to the end of all its processes
SERVER = ["--port", "0", "--like-cloud", "--max-concurrency", "2", "--on-crash", "flows.on_render.crash_hook:record"]
KINDS = {  # a part of the command, the most telling first, and what such a process is
    "tests.chaos.nursery": "the start itself",
    "multiprocessing.resource_tracker": "a resource tracker",
    "multiprocessing.forkserver": "a fork server or its worker",
    "flows.render_dev.main": "the Render server",
    "flows.render_dev": "a task process of the Render server",
}


@dataclass(frozen=True)
class Nursery:
    """The process that forks starts; see ``nursery``."""

    process: subprocess.Popen[str]
    lock: Lock
    env: dict[str, str]

    def fork(self, start: dict[str, Any]) -> psutil.Process:
        """A start's process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.lock:
            self.process.stdin.write(json.dumps(start) + "\n")
            self.process.stdin.flush()
            return psutil.Process(int(self.process.stdout.readline()))


@dataclass
class Outcome:
    """How one seed ended.

    Attributes:
        plan: What was done.
        sent: The signals that found a process, with its command.
        recovered: Whether the disturbed start finished by itself.
        problems: What is wrong; empty is what we want.
    """

    plan: Plan
    sent: list[str] = field(default_factory=list)
    recovered: bool = False
    problems: list[str] = field(default_factory=list)


class Lane:
    """Runs plans one after another, with a Render server of its own."""

    def __init__(self, nursery: Nursery, folder: Path, published: dict[str, bytes]) -> None:
        self._nursery = nursery
        self._folder = folder
        self._published = published
        self._server: ServerProcess | None = None
        self._server_ends = False  # it was sent a signal that ends it
        self._url = ""

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.stop()

    def run(self, plan: Plan) -> Outcome:
        """Disturb a run, start it again undisturbed, and find what is wrong."""
        outcome = Outcome(plan)
        folder = self._folder / str(plan.seed)
        (folder / "t").mkdir(parents=True)
        try:
            self._disturb(plan, folder, outcome)
            self._start_again(plan, folder, outcome)
        except AssertionError as error:
            outcome.problems.append(str(error))
        finally:
            self._kill_all(folder)
        return outcome

    def _disturb(self, plan: Plan, folder: Path, outcome: Outcome) -> None:
        setup = plan.setup
        server = self._ready_server() if setup.server else None
        start = self._fork(plan, folder, "first", isolation=setup.isolation, on_server=setup.server)
        for disturbance in plan.disturbances:
            if _reached(start, folder / "store", disturbance.claims):
                time.sleep(disturbance.delay)  # random moments are what this is about
                target = _drawn(disturbance, _tree(start) + _tree(server))
                outcome.sent += _send(disturbance, target)
                self._server_ends |= (
                    target is not None and target == server and disturbance.signal is not signal.SIGSTOP
                )
        _wait_for_end(start, "the disturbed start")
        answer = _answer(folder, "first")
        outcome.recovered = "result" in answer
        if outcome.recovered:
            outcome.problems += wrong_output(folder / "store", answer, self._published)

    def _start_again(self, plan: Plan, folder: Path, outcome: Outcome) -> None:
        wait_until(
            lambda: not processes_of(folder), timeout=GONE_DEADLINE, what="the end of the first start's processes"
        )
        on_server = plan.setup.engine == "render"
        if on_server:
            self._ready_server()
        _wait_for_end(self._fork(plan, folder, "second", isolation="none", on_server=on_server), "the second start")
        outcome.problems += wrong_output(folder / "store", _answer(folder, "second"), self._published)
        strays = _settled(lambda: stray_files(folder / "store", folder / "t"))
        outcome.problems += [f"left: {name}" for name in strays]
        _wait_until_gone(folder, "the second start")

    def _fork(self, plan: Plan, folder: Path, name: str, *, isolation: str, on_server: bool) -> psutil.Process:
        store, engine = str(folder / "store"), plan.setup.engine
        job = make_job(run_id=RUN_ID, data_url=str(SAMPLE_DATA), store_url=store, num_shards=SHARDS, engine=engine)
        env = {MARK: str(folder), "TMPDIR": str(folder / "t"), "SHARDWISE_ISOLATION": isolation}
        files = {kind: str(folder / f"{name}.{kind}") for kind in ("log", "answer")}
        if on_server:
            env["RENDER_LOCAL_DEV_URL"] = self._url
        return self._nursery.fork({"engine": engine, "job": job.to_json(), "env": env, **files})

    def _ready_server(self) -> psutil.Process:
        """The lane's Render server; another one when it has been ended."""
        if self._server and self._server_ends:
            process = self._server.process
            wait_until(lambda: process.poll() is not None, timeout=GONE_DEADLINE, what="the end of the Render server")
            self._server.stop()  # closes its pipes
            self._server, self._server_ends = None, False
        if self._server is None:
            temporary = self._folder / "t"
            temporary.mkdir(exist_ok=True)
            self._server = ServerProcess(SERVER, self._nursery.env | {"TMPDIR": str(temporary)}, None)
            self._url = self._server.wait_ready(READY_SECONDS)
        return psutil.Process(self._server.process.pid)

    def _kill_all(self, folder: Path) -> None:
        """Leave nothing behind, whatever was found."""
        for pid in processes_of(folder):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _reached(start: psutil.Process, store: Path, claims: int) -> bool:
    """Wait until so many attempts are on record; False when the start has ended before."""
    folder = store / attempts_folder(RUN_ID)

    def seen() -> str:
        made = sum(not path.name.endswith(".end.json") for path in folder.glob("*.json"))
        return "there" if made >= claims else "" if _is_alive(start) else "over"

    return wait_until(seen, timeout=START_DEADLINE, what=f"{claims} claims") == "there"


def _drawn(disturbance: Disturbance, processes: list[psutil.Process]) -> psutil.Process | None:
    """The process that gets the signal."""
    return processes[int(disturbance.target * len(processes))] if processes else None


def _send(disturbance: Disturbance, target: psutil.Process | None) -> list[str]:
    """Send the signal; what was sent, or nothing where there is no such process."""
    if target is None:
        return []
    try:
        what = _kind_of(target)
        target.send_signal(disturbance.signal)
        if disturbance.signal is signal.SIGSTOP:
            time.sleep(disturbance.pause)
            target.send_signal(signal.SIGCONT)
    except psutil.NoSuchProcess:
        return []
    return [f"{disturbance.signal.name} to {what}"]


def _kind_of(process: psutil.Process) -> str:
    """What a process is, by its command."""
    command = " ".join(process.cmdline())
    return next((kind for part, kind in KINDS.items() if part in command), "a process without a command")


def _tree(process: psutil.Process | None) -> list[psutil.Process]:
    """A process and its descendants, in the order of their start."""
    if process is None:
        return []
    try:
        return sorted([process, *process.children(recursive=True)], key=lambda each: (each.create_time(), each.pid))
    except psutil.NoSuchProcess:
        return []


def _wait_for_end(start: psutil.Process, what: str) -> None:
    wait_until(lambda: not _is_alive(start), timeout=START_DEADLINE, what=f"the end of {what}")


def _wait_until_gone(folder: Path, what: str) -> None:
    wait_until(lambda: not processes_of(folder), timeout=GONE_DEADLINE, what=f"the end of all processes of {what}")


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _answer(folder: Path, name: str) -> dict[str, Any]:
    path = folder / f"{name}.answer"
    answer: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"error": "it ended without an answer"}
    return answer


def _settled(look: Callable[[], list[str]]) -> list[str]:
    """What is found, once nothing more goes away: a server may still run what an ended start began."""
    with suppress(AssertionError):
        wait_until(lambda: not look(), timeout=GONE_DEADLINE, what="the end of what is left")
    return look()
