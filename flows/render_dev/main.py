"""Sets up the server, runs it, and stops it without leaving anything behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from aiohttp import web
from dotenv import dotenv_values

from flows.render_dev.access import local_programs_only
from flows.render_dev.console import Console
from flows.render_dev.coordinator import Coordinator
from flows.render_dev.logs import Logs
from flows.render_dev.processes.launcher import SDK_VARIABLES, LauncherSettings
from flows.render_dev.processes.launcher_pool import LauncherPool
from flows.render_dev.processes.workers import Workers
from flows.render_dev.registration import Registration, RegistrationError
from flows.render_dev.rest import Rest, explain_errors
from flows.render_dev.run_store import RunStore
from flows.render_dev.server_options import ServerOptions, parse
from flows.render_dev.streams import Streams
from flows.render_dev.worker_api import WorkerApi
from shared.run.scratch import scratch, short_parent

if TYPE_CHECKING:
    from io import TextIOWrapper

HOST = "127.0.0.1"
LONGEST_REQUEST_LINE = 1024 * 1024  # clients name all wanted runs in the query; this allows about 25,000


class StartupError(Exception):
    """The server cannot start; the message says why and what to do."""


def serve(options: ServerOptions) -> int:
    """Serve until SIGINT or SIGTERM.

    Returns:
        The exit code: 0 after an orderly stop, 1 when the server could not start (the reason is on stderr).
    """
    try:
        asyncio.run(_serve(options))
    except StartupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def main() -> int:
    """Serve with the options of the command line."""
    cast("TextIOWrapper", sys.stdout).reconfigure(encoding="utf-8")  # the calling program only understands this line
    return serve(parse(sys.argv[1:]))


async def _serve(options: ServerOptions) -> None:
    env = worker_environment(options.env_files)
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # it logs clients' errors with a traceback each
    _allow_many_files()
    with scratch(short_parent()) as folder:
        server = Server(options, env, folder)
        stopping = _stop_signals(until_stdin_closes=options.until_stdin_closes)
        try:
            await server.listen()
            first = asyncio.create_task(server.load_tasks())
            await asyncio.wait({first, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if first.done():
                first.result()
                await stopping
            first.cancel()
        finally:
            await server.close()


class Server:
    """All parts of the server."""

    def __init__(self, options: ServerOptions, env: dict[str, str], folder: Path) -> None:
        self._options = options
        self._console = Console(debug=options.debug)
        self._store, self._logs = RunStore(), Logs()
        self._launchers = LauncherPool(
            LauncherSettings(options.command, folder, env, self._import_output), self._console.say
        )
        self._workers = Workers(folder, self._logs, self._console.output, stopped_is_lost=options.stopped_is_lost)
        self._registration = Registration(self._store, self._launchers, self._workers)
        self._coordinator = Coordinator(options, self._store, self._launchers, self._workers, self._console)
        self._public = web.AppRunner(
            self._rest(),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=0.2,
            max_line_size=LONGEST_REQUEST_LINE,
        )
        worker_app = WorkerApi(self._store, self._workers, self._coordinator).application()
        self._private = web.AppRunner(worker_app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)

    def _rest(self) -> web.Application:
        app = web.Application(client_max_size=0, middlewares=[local_programs_only, explain_errors])
        Streams(self._store, self._coordinator, self._logs).add_routes(app)
        rest = Rest(self._store, self._registration, self._coordinator, pages=self._options.like_cloud)
        rest.add_routes(app)
        return app

    def _import_output(self, text: str) -> None:
        self._logs.add("", text)
        self._console.output(text)

    async def listen(self) -> None:
        """Open both interfaces.

        Raises:
            StartupError: The port is in use.
        """
        await self._private.setup()
        self._workers.protocol = self._private.server
        await self._public.setup()
        port = self._options.port
        try:
            await web.TCPSite(self._public, HOST, port).start()
        except OSError as error:
            advice = "Stop the other process or use --port to pick a different one"
            raise StartupError(f"port {port} is already in use. {advice}\n({error.strerror or error})") from error
        self._console.say(f"Workflow server listening on port {self._public.addresses[0][1]}")

    async def load_tasks(self) -> None:
        """Register the tasks for the first time.

        Raises:
            StartupError: The command cannot be started, or ends without a registration.
        """
        try:
            await self._registration.refresh()
        except RegistrationError as error:
            raise StartupError(f"failed to load tasks: {error}") from error
        self._console.tasks_found(self._store.tasks, shlex.join(self._options.command))

    async def close(self) -> None:
        """End every process, then close both interfaces."""
        await self._coordinator.close()
        await self._launchers.close()
        await self._workers.settle()
        await self._public.cleanup()
        await self._private.cleanup()


def worker_environment(env_files: tuple[str, ...]) -> dict[str, str]:
    """Return the workers' environment: this process's, overridden by the files, later ones last.

    Raises:
        StartupError: A named file is missing.
    """
    for file in env_files:
        if not Path(file).is_file():
            raise StartupError(f"env file not found: {file} (given with --env-file)")
    env = dict(os.environ)
    for file in env_files or (".env",):
        env |= {name: value for name, value in dotenv_values(file).items() if value is not None}
    return {name: value for name, value in env.items() if name not in SDK_VARIABLES}


def _allow_many_files() -> None:
    """Allow as many open files as possible; each running task needs some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS reports a limit that it does not grant
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _stop_signals(*, until_stdin_closes: bool) -> asyncio.Future[None]:
    """Return a future that is done when the server must stop."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        if not stopping.done():
            stopping.set_result(None)

    def watch(stdin: int) -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if until_stdin_closes:
        stdin = sys.stdin.fileno()
        loop.add_reader(stdin, watch, stdin)
    return stopping
