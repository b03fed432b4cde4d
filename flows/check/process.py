"""A process of the job. It forks for every run, or does what an engine started it for.

Libraries are imported once, before the first fork; the job's own modules are imported again by each run, as they may
read the time, open a database or keep a list when they are imported.

Orders to a host arrive on standard input, its reports leave on standard output, a line of JSON each; the job has
neither: its standard input is empty, and what it prints goes to a file.

Orders:   {"run": 7, "order": {…}, "libraries": whether to tell which it imports}, {"stop": 7}, {"import": [names]}
Reports:  {"ready": true}; then {"started": 7, "pid": 4711}, {"ended": 7, "status": exit status or minus the signal}
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flows.check.kinds_of_jobs import targets
from flows.check.loading import load
from flows.engine.target import Loaded, Outcome, Request
from shared.isolation.lifetime import adopt_orphans, children, die_with
from shared.run.errors import TerminalError
from shared.tracing.own_code import OwnCode, is_library
from shared.tracing.probe import Probe

if TYPE_CHECKING:
    from pathlib import Path

    from flows.engine.target import Prepared, Target

Json = dict[str, Any]
HOST, DESCRIBE = "host", "describe"
REQUEST, LIBRARIES, OUTPUT = "request.json", "libraries.json", "output.log"  # in the folder that processes share


def main(work: Path, name: str, *arguments: str) -> None:
    """Do what the arguments say; does not return from a fork.

    Args:
        work: The folder that all processes of the job share.
        name: The name of the main module; any name but ``__main__`` only imports.
        arguments: ``host``, ``describe``, or none where an engine starts it.
    """
    _import_libraries(work)
    if name != "__main__":
        return
    if arguments == (HOST,):
        _Host(work).serve()
    elif arguments == (DESCRIBE,):
        _describe(work)
    else:
        _, target, job, _ = _loaded(work)
        target.work(job)


def imported_libraries() -> list[str]:
    """The modules of this process that are not the job's own, in the order of their import."""
    found = [(name, getattr(module, "__file__", None)) for name, module in list(sys.modules.items())]
    return [name for name, file in found if file and is_library(file) and not name.startswith("_")]


def _import_libraries(work: Path) -> None:
    """Import what an earlier process of the job has imported; what fails will fail again where it is needed."""
    if (file := work / LIBRARIES).exists():
        _import(json.loads(file.read_text()))


def _import(names: list[str]) -> None:
    for name in names:
        with suppress(Exception):
            importlib.import_module(name)


def _loaded(work: Path) -> tuple[str, Target, Loaded, Prepared]:
    """The engine's name, its target, the job and what is known of it; a TerminalError where it cannot be run."""
    asked = Request.from_json(json.loads((work / REQUEST).read_text()))
    os.chdir(asked.folder)
    kinds = {target.title: target.recognises for target in targets().values()}
    thing, reference = load(asked.reference, asked.folder, kinds)
    name, target = next((name, each) for name, each in targets().items() if each.recognises(thing))
    job = Loaded(thing, reference, asked, Probe(asked.work, OwnCode()))
    return name, target, job, target.prepare(job)


def _describe(work: Path) -> None:
    """Report what the job is, or why it cannot be run, and which libraries it imports."""
    answer = os.dup(1)
    _give_job_its_own_output(work)
    try:
        name, target, _, prepared = _loaded(work)
    except TerminalError as error:
        report: Json = {"error": str(error)}
    else:
        report = {"engine": name, "title": target.title, **vars(prepared)}
        (work / LIBRARIES).write_text(json.dumps(imported_libraries()))
    with os.fdopen(answer, "w") as file:
        json.dump(report, file)


class _Host:
    """Forks a process per run, and reports how each ends."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._orders, self._reports = os.dup(0), os.dup(1)
        _give_job_its_own_output(work)
        self._wakeup, self._alarm = os.pipe()
        os.set_blocking(self._alarm, False)
        self._runs: dict[int, int] = {}  # by process id

    def serve(self) -> None:
        """Carry out orders until there are no more, then leave nothing behind."""
        adopt_orphans()
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._alarm, warn_on_full_buffer=False)
        gc.freeze()  # keeps the collector of the forks off the shared pages
        self._report({"ready": True})
        selector, pending = selectors.DefaultSelector(), b""
        for source in (self._orders, self._wakeup):
            selector.register(source, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
                self._reap()
            if self._orders in ready:
                if not (chunk := os.read(self._orders, 65536)):
                    break
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
        self._end_all()

    def _obey(self, order: Json) -> None:
        if "import" in order:
            _import(order["import"])
            gc.freeze()
            return
        if "stop" in order:
            for pid in [pid for pid, number in self._runs.items() if number == order["stop"]]:
                _kill_group(pid)
            return
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        if pid := os.fork():
            self._runs[pid] = order["run"]
            self._report({"started": order["run"], "pid": pid})
            return
        code = 1
        try:
            self._become_run(parent)
            code = _run(self._work, order)
        except BaseException:  # noqa: BLE001 — whatever it is, a fork must not continue as its parent
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def _become_run(self, parent: int) -> None:
        os.setsid()
        die_with(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for private in (self._orders, self._reports, self._wakeup, self._alarm):
            os.close(private)
        if numpy_random := sys.modules.get("numpy.random"):
            numpy_random.seed()  # unlike `random` it misses the fork, and all runs would draw the same

    def _reap(self) -> None:
        """Take the status of what has ended, and end what an ended run had started."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                break
            if pid in self._runs:
                _kill_group(pid)
                self._report({"ended": self._runs.pop(pid), "status": os.waitstatus_to_exitcode(status)})
        for orphan in children() - self._runs.keys():
            _kill(orphan)

    def _end_all(self) -> None:
        for pid in self._runs:
            _kill_group(pid)
        while alive := children():
            for pid in alive:
                _kill(pid)
            with suppress(ChildProcessError):
                os.waitpid(-1, 0)

    def _report(self, report: Json) -> None:
        os.write(self._reports, json.dumps(report).encode() + b"\n")


def _run(work: Path, order: Json) -> int:
    """Run the job once; a file has its result, as far as it comes."""
    file, known = work / f"run-{order['run']}.json", {}

    def tell(more: Json) -> None:
        known.update(more)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(known))
        new.replace(file)

    try:
        _, target, job, _ = _loaded(work)
        outcome = target.run(job, order["order"], tell)
    except BaseException as error:  # noqa: BLE001 — a run may end in any way, SystemExit included
        traceback.print_exc()
        outcome = Outcome(completed=False, message=f"{type(error).__name__}: {error}")
    if order.get("libraries"):
        tell({"libraries": imported_libraries()})
    tell(vars(outcome))
    return 0 if outcome.completed else 1


def _give_job_its_own_output(work: Path) -> None:
    """Empty input, and a file for what is printed."""
    null, log = os.open(os.devnull, os.O_RDONLY), os.open(work / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
