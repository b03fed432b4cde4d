"""What happens to a run from outside."""

from __future__ import annotations

from enum import StrEnum


class Interruption(StrEnum):
    """What happens to a run from outside, when at least one shard is committed and others are not."""

    KILL_ORCHESTRATOR = "kill -9 of the process that opened the run"
    CANCEL = "Ctrl-C to the process that started the run"
    KILL_WORKER = "kill -9 of the worker that started the run's process"
    KILL_FLOW_AND_WORKER = "kill -9 of the run's process and of its worker"
    RESTART_SERVER = "the engine's server is stopped and started again"
    CANCEL_THROUGH_ENGINE = "the run is canceled through the engine's API"
    START_AGAIN = "the same run_id is started a second time, while the first still runs"
    DEPLOY_AGAIN = "the deployment is changed"

    @property
    def deadly(self) -> bool:
        """Whether it ends processes of the run, so that something must recover."""
        return self in {Interruption.KILL_ORCHESTRATOR, Interruption.CANCEL, Interruption.KILL_FLOW_AND_WORKER}
