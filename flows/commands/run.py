"""``shardwise run``: runs a pipeline on one engine."""

from __future__ import annotations

import logging
import os
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.logging import RichHandler

from flows.commands import progress
from flows.commands.exits import printing_apart
from flows.commands.options import (  # noqa: TC001 — typer reads the annotations
    DataOption,
    JsonOption,
    ParamOption,
    PipelineOption,
    RejectsOption,
    RunIdOption,
    StoreOption,
)
from flows.commands.own_pipeline import allow_named
from flows.commands.summary import print_result
from flows.on_prefect.environment import set_defaults
from flows.registry import ENGINES
from shared.run.cores import cores
from shared.run.errors import TerminalError, TransientError, found_outside
from shared.run.new_job import make_job, new_run_id
from shared.run.parameters import read_options
from shared.run.printable import printable
from shared.run.run import Run
from shared.run.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.run.job import Job
    from shared.run.run import JsonObject

logger = logging.getLogger("shardwise")


class _Printable(logging.Formatter):
    """Escapes unprintable characters in log lines, which may quote a file or a pipeline."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        return printable(super().format(record))


class EngineName(StrEnum):
    """The engines to choose from."""

    vars().update({name.upper(): name for name in ENGINES})


DEFAULT_ENGINE = EngineName("prefect")


class RunnerName(StrEnum):
    """Where Prefect can run shards."""

    THREADS = "threads"
    PROCESSES = "processes"
    DASK = "dask"


_OWNERS = {option: engine.name for engine in ENGINES.values() for option in engine.options}

SERVER_HINT = (
    "Prefect starts a temporary server, which takes 10 to 15 s. To avoid that wait, keep one running with "
    "`prefect server start` and set PREFECT_API_URL=http://127.0.0.1:4200/api"
)


def run(  # noqa: PLR0913 — one parameter per option
    *,
    engine: Annotated[EngineName, typer.Option(help="Engine")] = DEFAULT_ENGINE,
    pipeline: PipelineOption = None,
    param: ParamOption = None,
    data: DataOption = None,
    store: StoreOption = None,
    shards: Annotated[int | None, typer.Option(help="Number of shards, 1 to 10,000 [SHARDWISE_NUM_SHARDS]")] = None,
    run_id: RunIdOption = None,
    max_rejects: RejectsOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Parallel shards (default: one per processor) [SHARDWISE_WORKERS]")
    ] = None,
    redact: Annotated[bool | None, typer.Option(help="Hide cell values in output [SHARDWISE_REDACT]")] = None,
    runner: Annotated[
        RunnerName | None, typer.Option(help="Engine prefect: where shards run [SHARDWISE_RUNNER]")
    ] = None,
    dask_address: Annotated[
        str | None, typer.Option(help="Address of a running Dask scheduler [SHARDWISE_DASK_ADDRESS]")
    ] = None,
    render_cli: Annotated[
        str | None, typer.Option(metavar="FILE", help="Engine render: path of the official `render` to serve it")
    ] = None,
    official: Annotated[
        bool, typer.Option("--official", help="Engine render: use the official `render` on the PATH as the server")
    ] = False,
    as_json: JsonOption = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log the start and the end of each attempt")] = False,
) -> None:
    """Run a pipeline: the customer merge, or your own."""
    with printing_apart(apart=as_json):
        _configure_logging(verbose=verbose)
        if pipeline:
            allow_named(pipeline)
        start = _engine(engine, runner=runner, dask_address=dask_address, render_cli=render_cli, official=official)
        job = make_job(
            run_id=run_id or new_run_id(),
            pipeline=pipeline,
            data_url=data,
            store_url=store,
            num_shards=shards,
            parameters=_parameters(param, max_rejects=max_rejects, redact=redact),
            engine=engine.value,
        )
        finished, result = _finished(job, start, workers)
    print_result(finished.pipeline, result, as_json=as_json)
    if finished.pipeline.verify and result["verify"]:
        raise TransientError(found_outside(finished.pipeline.name, result["verify"]))


def _finished(job: Job, start: Callable[[Job, int], JsonObject], workers: int | None) -> tuple[Run, JsonObject]:
    """Return a run and its result, with the problems that the pipeline's ``verify`` finds."""
    run = Run.of(job)
    if job.data_url:
        run.inputs().check()
    if job.engine == "prefect":
        _hint_at_server()
    with progress.shown(job, f"starting {job.engine}"):
        result = start(job, workers or Settings.read().workers or cores())
    return run, result | ({"verify": run.problems(result)} if run.pipeline.verify else {})


def _engine(engine: str, **choices: object) -> Callable[[Job, int], JsonObject]:
    """Return the engine with its own options; a TerminalError if an option of another engine was given."""
    given: dict[str, Any] = {name: choice for name, choice in choices.items() if choice}
    for name in given:
        if (owner := _OWNERS[name]) != engine:
            raise TerminalError(f"--{name.replace('_', '-')} is an option of engine {owner}; add --engine {owner}")
    return partial(ENGINES[engine].run, **given)


def _parameters(param: list[str] | None, **own: object) -> dict[str, Any]:
    """Return all parameters, from ``--param`` and from options; a TerminalError if one is given twice."""
    given: dict[str, Any] = read_options(param or ())
    for name, value in own.items():
        if value is not None and name in given:
            raise TerminalError(f"--param {name} and --{name.replace('_', '-')} are the same; give one of them")
    return given | {name: value for name, value in own.items() if value is not None}


def _hint_at_server() -> None:
    """Explain how to avoid the wait for a temporary server."""
    set_defaults()
    from flows.on_prefect.server import api_url

    if api_url() is None:
        progress.console.print(SERVER_HINT, style="dim")


def _configure_logging(*, verbose: bool) -> None:
    logger.setLevel("INFO" if verbose else "WARNING")
    handler = RichHandler(console=progress.console, show_path=False)
    handler.setFormatter(_Printable("%(message)s"))
    logger.addHandler(handler)
    if not verbose:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
