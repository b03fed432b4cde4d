"""The service of a flow in its caller's process that starts a deployment run for each shard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.engine.service import Watch
from flows.on_prefect.columns.api import TERMINAL, PrefectApi
from flows.on_prefect.columns.deployed import DEPLOYMENT, DeployedService, kill
from flows.on_prefect.columns.processes import with_environment

if TYPE_CHECKING:
    from flows.engine.service import Settings
    from shared.run.run import Run


class PerShardService(DeployedService):
    """Runs the flow runs of shards on a worker; the caller runs the flow that starts them."""

    watches = False
    startup = 120.0  # each shard starts a process that imports Prefect
    entrypoint = ("process-one-shard", "flows/on_prefect/columns/per_shard.py:process_one_shard")
    concurrency: int | None = None  # the flow that starts them waits for some to end

    def abandoned(self, run: Run) -> bool:
        """False: the caller runs the flow."""
        del run
        return False

    def continues(self, run: Run) -> bool:
        """False: running shards complete nothing without the flow that started them."""
        del run
        return False

    def watch(self, run_id: str) -> Watch:
        """Nothing to see: no deployment runs the flow, and no slot is held by it."""
        del run_id
        return Watch()

    def clear(self, environment: Settings, run_id: str) -> None:
        """End shards that are still running; they do not end with the flow that started them."""
        super().clear(environment, run_id)
        kill(with_environment(DEPLOYMENT, self.deployment))
        of_ours: dict[str, Any] = {"deployments": {"id": {"any_": [self.deployment]}}}
        with PrefectApi(self.prefect.url) as api:
            for run in api.all("/flow_runs/filter", of_ours | {"sort": "ID_DESC"}):
                if run["state_type"] not in TERMINAL:
                    api.set_state(run["id"], "CRASHED", force=True)
