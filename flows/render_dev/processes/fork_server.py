"""The parent of all workers: imports the app once, then starts one new process per order, forked if possible.

It runs in its own process, with the standard library only. It reads orders from stdin and writes reports to stdout, as
JSON lines. The end of stdin means that the server is gone; then it kills the workers, removes the server's folder of
sockets, and ends.

Orders:   {"start": 7, "mode": "run", "socket": path, "log": path}, {"kill": 7}, {"retire": true}
Reports:  {"ready": true, "reason": "", "files": {path: [mtime_ns, size]}}, or not ready, with the reason, and the end;
          then {"started": 7, "pid": 4711}, {"failed": 7, "error": text}, {"stopped": 7} and
          {"exited": 7, "status": wait status}
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import selectors
import shutil
import signal
import sys
import threading
from typing import Any

from flows.render_dev.processes.preload import CannotForkError, preload, project_files, run_target
from flows.render_dev.processes.system import execute, kill_group, own_children
from shared.isolation.lifetime import adopt_orphans, die_with

JSON = dict[str, Any]

_leave_with: int | None = None


@atexit.register
def _leave() -> None:
    """Exit without the teardown of modules, which would copy every shared page. Registered first, so it runs last."""
    if _leave_with is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_leave_with)


class ForkServer:
    """Starts, kills and reaps workers until the server stops it or is gone."""

    def __init__(self, command: list[str], folder: str, orders: int, reports: int, *, forks: bool) -> None:
        self._command, self._folder, self._forks = command, folder, forks
        self._orders, self._reports = orders, reports
        self._workers: dict[int, int] = {}  # pid -> the order's number
        self._wakeup, self._alarm = os.pipe()
        os.set_blocking(self._alarm, False)
        self._retiring = False
        self._of_app: set[int] = set()  # started by the app's import

    def serve(self) -> None:
        """Carry out orders; returns only in a forked worker that is ready to run the app."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._alarm, warn_on_full_buffer=False)
        adopt_orphans()
        self._of_app = own_children()
        selector = selectors.DefaultSelector()
        for source in (self._orders, self._wakeup):
            selector.register(source, selectors.EVENT_READ)
        pending = b""
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
                self._reap()
            if self._orders in ready:
                chunk = os.read(self._orders, 65536)
                if not chunk:
                    self.clean_up()
                *lines, pending = (pending + chunk).split(b"\n")
                if any(self._obey(json.loads(line)) for line in lines):
                    selector.close()
                    return

    def _obey(self, order: JSON) -> bool:
        """Carry out one order; return true in a forked worker."""
        if "start" in order:
            return self._start(order)
        if "kill" in order:
            for pid in (pid for pid, number in self._workers.items() if number == order["kill"]):
                kill_group(pid)
        elif not self._workers:
            os._exit(0)
        else:
            self._retiring = True
        return False

    def _start(self, order: JSON) -> bool:
        program = shutil.which(self._command[0])
        if program is None and not self._forks:
            return self._failed(order, f'exec: "{self._command[0]}": executable file not found in $PATH')
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            return self._failed(order, f"the system refuses another process: {error.strerror}")
        if pid == 0:
            self._become_worker(order, parent)
            if not self._forks:
                execute(str(program), self._command)
            return True
        self._workers[pid] = order["start"]
        self.report({"started": order["start"], "pid": pid})
        return False

    def _failed(self, order: JSON, error: str) -> bool:
        self.report({"failed": order["start"], "error": error})
        return False

    def _become_worker(self, order: JSON, parent: int) -> None:
        os.setsid()
        die_with(parent)
        adopt_orphans()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for private in (self._orders, self._reports, self._wakeup, self._alarm):
            os.close(private)
        log = os.open(order["log"], os.O_WRONLY)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        if numpy_random := sys.modules.get("numpy.random"):
            numpy_random.seed()  # a fork does not reseed it: all workers would draw the same
        os.environ["RENDER_SDK_MODE"] = order["mode"]
        os.environ["RENDER_SDK_SOCKET_PATH"] = order["socket"]

    def _reap(self) -> None:
        for pid, number in list(self._workers.items()):
            done, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
            if done and os.WIFSTOPPED(status):
                self.report({"stopped": number})
            elif done:
                kill_group(pid)  # started by the worker itself
                del self._workers[pid]
                self._kill_orphans()
                self.report({"exited": number, "status": status})
        if self._retiring and not self._workers:
            os._exit(0)

    def _kill_orphans(self) -> None:
        """Kill processes that ended workers have left, also in other groups; their parent is this process."""
        while orphans := own_children() - self._workers.keys() - self._of_app:
            for pid in orphans:
                kill_group(pid)
                os.waitpid(pid, 0)

    def report(self, report: JSON) -> None:
        """Send a report to the server."""
        try:
            os.write(self._reports, json.dumps(report).encode() + b"\n")
        except BrokenPipeError:
            self.clean_up()

    def watch_server(self, stop: int) -> None:
        """Clean up if the server ends before `ready`, until which no order arrives; return when `stop` closes."""
        ready, _, _ = select.select([self._orders, stop], [], [])
        if self._orders in ready:
            self.clean_up()

    def clean_up(self) -> None:
        """Remove everything of a server that is gone, and exit."""
        for pid in self._workers:
            kill_group(pid)
        for pid in self._workers:
            os.waitpid(pid, 0)
        self._workers.clear()
        self._kill_orphans()
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(0)


def _import_watched(spec: JSON, server: ForkServer) -> None:
    """Import while a thread watches for the end of the server; the thread ends before anything is forked."""
    stop_reader, stop = os.pipe()
    watcher = threading.Thread(target=server.watch_server, args=(stop_reader,), daemon=True)
    watcher.start()
    try:
        preload(spec)
    finally:
        os.close(stop)
        watcher.join()
        os.close(stop_reader)
    if (alive := threading.active_count() - 1) > 0:
        raise CannotForkError(f"the app keeps {alive} threads alive after its import")


def _private_stdio() -> tuple[int, int]:
    """Move orders and reports to other descriptors; the app gets an empty stdin, and its prints go to stderr."""
    orders, reports = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return orders, reports


def main() -> int:
    """Import the app, serve, and return the exit code of the forked worker."""
    global _leave_with  # noqa: PLW0603 — read by the atexit hook, which takes no arguments
    plan = json.loads(sys.argv[1])
    _forget_our_package(plan["root"])
    spec = plan["spec"]
    server = ForkServer(plan["command"], plan["folder"], *_private_stdio(), forks=spec is not None)
    files: dict[str, list[int]] | None = {}
    if spec is not None:
        try:
            _import_watched(spec, server)
            files = project_files(spec)
        except CannotForkError as reason:
            server.report({"ready": False, "reason": str(reason), "files": project_files(spec)})
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 — a plain start shows the user this error in full
            server.report({"ready": False, "reason": f"its import failed: {error!r}", "files": None})
            os._exit(0)
        gc.freeze()  # keeps the garbage collector of the workers from copying shared pages
    server.report({"ready": True, "reason": "", "files": files})
    server.serve()
    try:
        run_target(spec, "__main__")
    except SystemExit as stop:
        if isinstance(stop.code, str):
            sys.stderr.write(stop.code + "\n")
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except Exception:  # noqa: BLE001 — the interpreter's last resort, which this worker leaves early
        sys.excepthook(*sys.exc_info())
        code = 1
    else:
        code = 0
    _leave_with = code & 0xFF
    return code


def _forget_our_package(root: str) -> None:
    """Let the app import its own package `flows`, and start with the path of a plain interpreter."""
    sys.path.remove(root)  # the launcher's entry; an entry of PYTHONPATH stays
    for name in [name for name in sys.modules if name.partition(".")[0] == "flows"]:
        del sys.modules[name]
