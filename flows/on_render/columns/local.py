"""Our local Render server, the stand-in for Render: one for each set of settings, as its tasks take them from it."""

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
    """Serves tasks on this machine."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._urls: dict[tuple[object, ...], str] = {}

    def environment(self, settings: Settings, workers: int) -> Settings:
        """Where the server with these settings is, started when there is none."""
        key = (workers, *sorted(settings.items()))
        if key not in self._urls:
            self._urls[key] = self.session.started.enter_context(self.server(settings, workers))
        return settings | {URL: self._urls[key]}

    def server(self, settings: Settings, workers: int) -> AbstractContextManager[str]:
        """A server whose tasks are those of this checkout, under these settings and none of the caller's."""
        return own_server(workers, without_ours(os.environ) | settings, ROOT)

    def records(self, environment: Settings, run_id: str) -> list[Record]:
        """The root runs of a run_id."""
        return read_render(environment[URL], run_id)

    def continues(self, run: Run) -> bool:
        """Its tasks do not need their caller."""
        del run
        return True

    def clear(self, environment: Settings, run_id: str) -> None:
        """Cancel what still runs, so that it holds no slot of a later cell."""
        del run_id
        with RenderApi(Endpoint(environment[URL])) as api:
            for run in api.roots():
                if run["status"] in {"pending", "running"}:
                    api.cancel(run["id"])

    def observed_on(self) -> ObservedOn:
        """Our server; what it shows is not what Render does."""
        return ObservedOn.now("shardwise render-dev --like-cloud", f"shardwise {version_of('shardwise')}")


class OfficialService(RenderService):
    """Serves tasks on the official local server; it knows no timeouts and no limit of concurrency."""

    def not_observable(self) -> str:
        """It must be installed, and is not ours to install."""
        return "" if self._program else "no `render` is on the PATH; install Render's CLI, or name it by --render-cli"

    def server(self, settings: Settings, workers: int) -> AbstractContextManager[str]:
        del workers
        return official_server(self._program, without_ours(os.environ) | settings | {"PYTHONPATH": _python_path()})

    def observed_on(self) -> ObservedOn:
        """The program and what it says of its version."""
        return ObservedOn.now("render workflows dev, Render's own local server", version_of_official(self._program))

    @property
    def _program(self) -> str:
        given = self.session.choices.options.get("render_cli", "")
        return given or shutil.which("render") or ""


def _python_path() -> str:
    """Its tasks are those of this checkout, wherever it runs them."""
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
