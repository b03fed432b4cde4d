"""The service of a flow in its caller's process whose shards run on a Dask cluster."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from flows.engine.observed_on import ObservedOn, version_of
from flows.engine.service import Service, Settings
from flows.on_prefect.columns.in_process import PrefectService

if TYPE_CHECKING:
    from flows.engine.record import Record
    from flows.engine.session import Session


class DaskService(Service):
    """Uses the server of the other columns; the flow starts the cluster."""

    startup = PrefectService.startup

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._prefect = session.of(PrefectService)

    def not_observable(self) -> str:
        """Return why Dask is missing; it is an extra."""
        return "" if find_spec("prefect_dask") else "prefect-dask is not installed: pip install 'shardwise[dask]'"

    def prepare(self) -> None:
        """Start the server."""
        self._prefect.prepare()

    def environment(self, settings: Settings, workers: int) -> Settings:
        """Return where the server is; the cluster's processes write their files next to it."""
        return self._prefect.environment(settings, workers) | {
            "DASK_TEMPORARY_DIRECTORY": str(self.session.folder / "dask")
        }

    def records(self, environment: Settings, run_id: str) -> list[Record]:
        """Return the flow runs of a run_id."""
        return self._prefect.records(environment, run_id)

    def observed_on(self) -> ObservedOn:
        """Return server and Dask."""
        found = self._prefect.observed_on()
        return ObservedOn.now(f"{found.served_by}, Dask on this machine", f"prefect-dask {version_of('prefect-dask')}")
