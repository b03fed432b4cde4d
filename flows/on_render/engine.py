"""Engine "render", and its columns in the comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.column import Column
from flows.engine.engine import Engine
from flows.engine.scenario import Expected, Kind
from flows.engine.verdicts import Verdict
from flows.on_render.columns.facts import NO_TIMEOUT, PRICES, PROMISES, hints
from flows.on_render.columns.limits import LIMITS

if TYPE_CHECKING:
    from flows.engine.service import Service
    from flows.engine.session import Session
    from flows.engine.target import Target
    from shared.run.job import Job
    from shared.run.run import JsonObject


def run(
    job: Job,
    workers: int,
    render_cli: str | None = None,
    official: bool = False,  # noqa: FBT001, FBT002 — as the command has it
) -> JsonObject:
    """Run as Render Workflows tasks, on the local server of the environment, else on a temporary one.

    Args:
        job: The job.
        workers: The number of parallel tasks on our temporary server.
        render_cli: The official ``render`` to use as the server.
        official: Whether to use the official ``render`` on the PATH.
    """
    from flows.on_render.official import find_official
    from flows.on_render.run import run_job

    if official:
        render_cli = find_official()
    return run_job(job, workers, render_cli)


def _stand_in(session: Session) -> Service:
    from flows.on_render.columns.local import RenderService

    return session.of(RenderService)


def _official(session: Session) -> Service:
    from flows.on_render.columns.local import OfficialService

    return session.of(OfficialService)


def _cloud(session: Session) -> Service:
    from flows.on_render.columns.cloud import CloudService

    return session.of(CloudService)


def _run_on_cloud(job: Job, workers: int) -> JsonObject:
    from flows.on_render.columns.cloud_caller import run_on_cloud

    return run_on_cloud(job, workers)


def _trigger(job: Job) -> JsonObject:
    from flows.on_render.run import trigger

    return trigger(job)


def _stand_in_words() -> str:
    from flows.on_render.run import in_the_cloud

    return "" if in_the_cloud() else " (local stand-in)"


def _target() -> Target:
    from flows.on_render.target import RenderApp

    return RenderApp()


ENGINE = Engine(
    "render",
    "Render",
    run,
    (
        Column("render", "local stand-in for Render", attached=False, stand_in=True, service=_stand_in),
        Column(
            "render-official",
            "Render's own local server",
            attached=False,
            slots=False,
            service=_official,
            known={Kind.HANGS: Expected(Verdict.STUCK, reason=NO_TIMEOUT)},
        ),
        Column("render-cloud", "Render's cloud", attached=False, remote=True, service=_cloud, start=_run_on_cloud),
    ),
    prices=PRICES,
    hints=hints,
    promises=PROMISES,
    limits=LIMITS,
    triggered=_trigger,
    stand_in=_stand_in_words,
    distributions=("render",),
    target=_target,
)
