"""Render's cloud, through its public API: asks for consent, limits the cost, and leaves nothing running."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from flows.engine.interruption import Interruption
from flows.engine.observed_on import ObservedOn
from flows.engine.record import Record
from flows.engine.service import Service, Settings
from flows.on_render.api import RenderApi, VanishedError
from flows.on_render.columns.cloud_notes import Note, read_notes, root_of
from flows.on_render.columns.facts import PRICES
from flows.on_render.columns.records import render_record
from flows.on_render.endpoint import CLOUD_PATIENCE, Endpoint, cloud_url
from flows.on_render.follow import FINAL
from shared.run.errors import TerminalError, TransientError
from shared.run.new_job import make_job
from shared.run.policy import RetryPolicy, shard_policy
from shared.run.settings import SAMPLE_DATA
from shared.run.step_names import STAGE
from shared.run.urls import is_local

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from flows.engine.session import Session
    from shared.run.run import Run

RUNS = "COMPARED_RUNS"  # in the environment of the process that starts a run: the file in which it notes runs
PLATFORM = "Render"  # the host whose clock the runs' times are from
SHORT_PATIENCE = 20.0  # seconds to find out whether the cloud answers
HOUR = 3_600  # seconds


class CloudService(Service):
    """Runs tasks of the workflow WORKFLOW_SLUG. Faults are inside its tasks; signals from outside are not possible."""

    startup = 120.0

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._notes = session.folder / "cloud-runs"
        self._spent: dict[str, float] = {}  # dollars by root run

    def not_observable(self) -> str:
        """Return what is missing: an account, a bucket, data that the cloud can read, or consent."""
        try:
            endpoint()
            job = make_job(data_url=self.session.choices.data or None, run_id="any")
        except TerminalError as error:
            return str(error)
        if is_local(job.store_url):
            return "the tasks on Render share no disk; set SHARDWISE_STORE_URL to a bucket, here and on Render"
        if is_local(job.data_url) and job.data_url not in {"", str(SAMPLE_DATA)}:
            return f"{job.data_url} is a folder of this machine, which Render cannot read; set a bucket with --data"
        if not self._agreed():
            return "it costs money; agree with --yes, and set a limit with --max-dollars"
        return _refusal()

    def prepare(self) -> None:
        """Print the maximum cost. However the comparison ends, its runs are cancelled."""
        limit = self.session.choices.max_dollars
        typer.echo(f"render-cloud runs on the workflow {endpoint().workflow} and costs at most ${limit:.2f}", err=True)
        self.session.started.callback(self._cancel_all)

    def environment(self, settings: Settings, workers: int) -> Settings:
        """Return an environment without settings: tasks have those of the deployed workflow."""
        del settings, workers
        return {RUNS: str(self._notes)}

    def store_url(self, folder: Path) -> str:
        """Return the bucket."""
        del folder
        return f"{make_job(run_id='any').store_url}/compare"

    def declared(self, policy: RetryPolicy) -> RetryPolicy:
        """Return the waits of the deployed workflow, which cannot be shortened from here."""
        scale = self.session.choices.wait_scale
        return replace(policy, first_wait=policy.first_wait / scale if scale else shard_policy().first_wait)

    def refuses(self, seconds: float, shards: int) -> str:
        """Return why a start could cost more than what is left; empty if it cannot."""
        most = dollars({STAGE: seconds, "others": seconds * (shards + 2)})
        spent, limit = sum(self._spent.values()), self.session.choices.max_dollars
        if spent + most <= limit:
            return ""
        return f"${spent:.4f} are spent and it could cost ${most:.4f}, more than --max-dollars {limit:g}"

    def records(self, environment: Settings, run_id: str) -> list[Record]:
        """Return the records of root runs that this cell started, and add their cost to the total."""
        del environment
        with RenderApi(endpoint()) as api:
            return [self._record(api, root_of(api, note)) for note in self._notes_of(run_id)]

    def continues(self, run: Run) -> bool:
        """True: tasks do not need their caller."""
        del run
        return True

    def clear(self, environment: Settings, run_id: str) -> None:
        """Cancel what is still running, and add its cost to the total."""
        self._cancel(self._notes_of(run_id))
        self.records(environment, run_id)

    def observed_on(self) -> ObservedOn:
        """Return the cloud; its version is unknown."""
        return ObservedOn.now(f"Render Workflows, workflow {endpoint().workflow}", "as of that day")

    def interrupt(self, interruption: Interruption, run: Run, caller: subprocess.Popen[str]) -> bool:
        """Cancel the run; the API can do nothing else."""
        return interruption is Interruption.CANCEL and super().interrupt(interruption, run, caller)

    def _agreed(self) -> bool:
        choices = self.session.choices
        if choices.consent or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return choices.consent
        question = f"Run on Render's cloud, workflow {endpoint().workflow}? It costs at most ${choices.max_dollars:.2f}"
        with suppress(typer.Abort):
            return typer.confirm(question, err=True)
        return False

    def _record(self, api: RenderApi, root: str) -> Record:
        try:
            record = render_record(api, root, PLATFORM)
        except VanishedError:
            return Record("vanished", id=root)
        self._spent[root] = dollars(record.seconds)
        return record

    def _notes_of(self, run_id: str) -> list[Note]:
        return [note for note in read_notes(self._notes) if note["run_id"] == run_id]

    def _cancel_all(self) -> None:
        self._cancel(read_notes(self._notes))

    def _cancel(self, notes: list[Note]) -> None:
        for note in notes:
            with suppress(TransientError, TerminalError), RenderApi(endpoint()) as api:  # it has ended, or is unknown
                root = root_of(api, note)
                if api.run(root)["status"] not in FINAL:
                    api.cancel(root)


def endpoint() -> Endpoint:
    """Return the cloud of the environment, ignoring local servers; a TerminalError without a key."""
    key, slug = os.environ.get("RENDER_API_KEY", ""), os.environ.get("WORKFLOW_SLUG", "").strip("/")
    if not key or not slug:
        raise TerminalError("it needs RENDER_API_KEY and WORKFLOW_SLUG, of a workflow that is deployed")
    return Endpoint(cloud_url(), local=False, token=key, workflow=slug, patience=CLOUD_PATIENCE)


def _refusal() -> str:
    """Return why the cloud refuses this key or does not answer; empty if it answers that it does not know this run."""
    try:
        with RenderApi(replace(endpoint(), patience=SHORT_PATIENCE)) as api:
            api.run("trn-00000000000000000000")
    except VanishedError:
        return ""
    except (TerminalError, TransientError) as error:
        return str(error)
    return ""


def dollars(seconds: dict[str, float]) -> float:
    """Return the cost of a run by step and duration, in dollars; the staging has another plan than other steps."""
    hourly = {price.role: price.dollars for price in PRICES}
    return sum(hourly["stage" if step == STAGE else "shard"] * took / HOUR for step, took in seconds.items())
