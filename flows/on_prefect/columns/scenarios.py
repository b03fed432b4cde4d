"""Scenarios for deployed runs: deaths, restarts and cancellations from outside."""

from __future__ import annotations

from flows.engine.interruption import Interruption
from flows.engine.scenario import Expected, Scenario
from flows.engine.verdicts import Verdict
from shared.faults.plan import Fault
from shared.run.step_names import shard_step

PLAIN, SHIPPED = "prefect-deployed", "prefect-shipped"
SLOW_TAIL = tuple(Fault("slow", shard_step(shard)) for shard in (1, 2, 3))
SHORT = 45.0  # seconds after which a run whose processes are dead counts as stuck

_UNAFFECTED, _OURS, _FAILED = Expected(Verdict.UNAFFECTED), Expected(Verdict.OURS), Expected(Verdict.FAILED)
_STUCK = Expected(Verdict.STUCK, reason="nothing is left that could report the death, and the server says Running")
_CRASHED = Expected(Verdict.FAILED, reason="the run is Crashed, and Prefect retries no run that crashed")


def _on(plain: Expected, shipped: Expected) -> dict[str, Expected]:
    return {PLAIN: plain, SHIPPED: shipped}


SCENARIOS = (
    Scenario(
        "deployed_kill_flow",
        "kill -9 of the flow's process",
        "How soon does the engine know, and free the slot?",
        _on(_CRASHED, _OURS),
        SLOW_TAIL,
        interruption=Interruption.KILL_ORCHESTRATOR,
    ),
    Scenario(
        "deployed_kill_worker",
        "kill -9 of the worker, and not of its flow",
        "Does a flow survive its worker?",
        _on(_UNAFFECTED, _UNAFFECTED),
        SLOW_TAIL,
        interruption=Interruption.KILL_WORKER,
    ),
    Scenario(
        "deployed_kill_flow_and_worker",
        "kill -9 of the flow's process and of its worker, as when a machine is lost; another worker is there",
        "Is it noticed, and does the run complete?",
        _on(_STUCK, _OURS),
        SLOW_TAIL,
        interruption=Interruption.KILL_FLOW_AND_WORKER,
        deadline=SHORT,
    ),
    Scenario(
        "deployed_restart_server",
        "The server is stopped and started again in the middle of a run",
        "Does a run survive a restart of the server?",
        _on(_UNAFFECTED, _UNAFFECTED),
        SLOW_TAIL,
        interruption=Interruption.RESTART_SERVER,
    ),
    Scenario(
        "deployed_cancel_while_hanging",
        "The run is canceled through the API while a shard hangs",
        "Does canceling stop what blocks?",
        _on(_FAILED, _FAILED),
        (Fault("hang", shard_step(2)),),
        1,
        interruption=Interruption.CANCEL_THROUGH_ENGINE,
    ),
    Scenario(
        "deployed_run_id_twice",
        "Two runs of one run_id at once",
        "Do two runs that share a folder harm each other?",
        _on(_OURS, _OURS),
        SLOW_TAIL,
        interruption=Interruption.START_AGAIN,
    ),
    Scenario(
        "deployed_change",
        "The deployment is changed while a run is still running",
        "Does a run keep what it was started with?",
        _on(_UNAFFECTED, _UNAFFECTED),
        SLOW_TAIL,
        interruption=Interruption.DEPLOY_AGAIN,
    ),
)
