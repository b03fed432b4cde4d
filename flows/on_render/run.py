"""Engine "render": runs a job as Render Workflows tasks on a local server."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from flows.on_render.api import RenderApi
from flows.on_render.endpoint import Endpoint, local_url
from flows.on_render.follow import follow, task_of
from flows.on_render.official import official_server
from flows.render_dev.child import READY_SECONDS, ServerFailedError, ServerProcess
from shared.run.cores import cores
from shared.run.errors import TerminalError, TransientError
from shared.run.policy import RUN_TIMEOUT
from shared.run.urls import is_local

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from shared.run.job import Job
    from shared.run.run import JsonObject

logger = logging.getLogger("shardwise")


def run_job(job: Job, workers: int, render_cli: str | None = None) -> JsonObject:
    """Run on a local Render server, never on the cloud, which only ``shardwise trigger`` uses.

    Args:
        job: The job; its local paths are absolute, as workers need them.
        workers: The number of parallel tasks, if our server is started for the run.
        render_cli: The official ``render`` to start for the run. None uses the server of RENDER_LOCAL_DEV_URL or
            RENDER_USE_LOCAL_DEV, else starts ours.
    """
    with _server(workers, render_cli) as url, RenderApi(Endpoint(url)) as api:
        run = api.start(task_of(job.pipeline), [job.to_json()])
        try:
            return follow(api, run, RUN_TIMEOUT.total_seconds())
        except KeyboardInterrupt:
            with suppress(TransientError):  # it has ended, or its server has
                api.cancel(run)
            raise
        finally:
            if logger.isEnabledFor(logging.INFO):
                _show_log(api, run)


def trigger(job: Job) -> JsonObject:
    """Run on the server or cloud of the environment, else on a temporary local server.

    Raises:
        TerminalError: The environment names the cloud, and the store is a local folder.
    """
    with _named() as endpoint, RenderApi(endpoint) as api:
        if not endpoint.local and is_local(job.store_url):
            raise TerminalError(
                f"the store {job.store_url} is a local folder, which Render's cloud cannot reach; "
                "set SHARDWISE_STORE_URL to a bucket that both sides can"
            )
        run = api.start(task_of(job.pipeline), [job.to_json()])
        return follow(api, run, RUN_TIMEOUT.total_seconds())


def in_the_cloud() -> bool:
    """Whether the environment names Render's cloud and no local server."""
    return not local_url() and bool(os.environ.get("RENDER_API_KEY"))


@contextmanager
def _named() -> Iterator[Endpoint]:
    if local_url() or in_the_cloud():
        yield Endpoint.from_environment()
    else:
        with own_server(cores()) as url:
            yield Endpoint(url)


def _server(workers: int, render_cli: str | None) -> AbstractContextManager[str]:
    if render_cli:
        return official_server(render_cli)
    if url := local_url():
        return nullcontext(url)
    return own_server(workers)


@contextmanager
def own_server(workers: int, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Iterator[str]:
    """Run our local Render server while the block runs; yield its address.

    Args:
        workers: The number of parallel tasks.
        environment: The environment of tasks; default: this process's.
        folder: The folder where tasks run; default: this process's.
    """
    limits = ["--like-cloud", "--max-concurrency", str(workers)]
    arguments = ["--port", "0", *limits, "--on-crash", "flows.on_render.crash_hook:record"]
    server = ServerProcess(arguments, environment, folder)
    try:
        yield server.wait_ready(READY_SECONDS)
    except ServerFailedError as error:
        raise TransientError(str(error)) from error
    finally:
        server.stop()


def _show_log(api: RenderApi, run: str) -> None:
    try:
        for line in api.log(run).splitlines():
            logger.info("%s", line)
    except Exception as error:  # noqa: BLE001 — what the run itself ended with matters more
        logger.warning("the log of the run cannot be shown: %s", error)
