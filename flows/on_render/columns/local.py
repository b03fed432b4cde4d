"""Our local Render server, the stand-in for Render; one per set of settings, because tasks inherit them."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from flows.engine.observed_on import ObservedOn, version_of
from flows.engine.service import ROOT, Service, Settings, without_ours
from flows.on_render.api import RenderApi
from flows.on_render.columns.records import read_render
from flows.on_render.endpoint import Endpoint
from flows.on_render.official import official_server, version_of_official
from flows.on_render.run import own_server

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from flows.engine.record import Record
    from flows.engine.session import Session
    from shared.run.run import Run

URL = "RENDER_LOCAL_DEV_URL"


class RenderService(Service):
    """Runs tasks on this machine."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._urls: dict[tuple[object, ...], str] = {}

    def environment(self, settings: Settings, workers: int) -> Settings:
        """Return the address of the server with these settings, which is started if needed."""
        key = (workers, *sorted(settings.items()))
        if key not in self._urls:
            self._urls[key] = self.session.started.enter_context(self.server(settings, workers))
        return settings | {URL: self._urls[key]}

    def server(self, settings: Settings, workers: int) -> AbstractContextManager[str]:
        """Return a server whose tasks are those of this checkout, with these settings and without the caller's."""
        return own_server(workers, without_ours(os.environ) | settings, ROOT)

    def records(self, environment: Settings, run_id: str) -> list[Record]:
        """Return the root runs of a run_id."""
        return read_render(environment[URL], run_id)

    def continues(self, run: Run) -> bool:
        """True: tasks do not need their caller."""
        del run
        return True

    def clear(self, environment: Settings, run_id: str) -> None:
        """Cancel what is still running, so that it holds no slot of a later cell."""
        del run_id
        with RenderApi(Endpoint(environment[URL])) as api:
            for run in api.roots():
                if run["status"] in {"pending", "running"}:
                    api.cancel(run["id"])

    def observed_on(self) -> ObservedOn:
        """Return our server, which is not Render."""
        return ObservedOn.now("shardwise render-dev --like-cloud", f"shardwise {version_of('shardwise')}")


class OfficialService(RenderService):
    """Runs tasks on the official local server, which has no timeouts and no concurrency limit."""

    def not_observable(self) -> str:
        """Return that the official CLI must be installed."""
        return (
            ""
            if self._program
            else "no `render` is on the PATH; install Render's CLI, or set its path with --render-cli"
        )

    def server(self, settings: Settings, workers: int) -> AbstractContextManager[str]:
        del workers
        return official_server(self._program, without_ours(os.environ) | settings | {"PYTHONPATH": _python_path()})

    def observed_on(self) -> ObservedOn:
        """Return the program and its version."""
        return ObservedOn.now("render workflows dev, Render's own local server", version_of_official(self._program))

    @property
    def _program(self) -> str:
        given = self.session.choices.options.get("render_cli", "")
        return given or shutil.which("render") or ""


def _python_path() -> str:
    """Return a path with which its tasks are those of this checkout."""
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
