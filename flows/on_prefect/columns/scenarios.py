"""What happens to deployed runs from outside: deaths, restarts, cancellations; each with and without heartbeats."""

from __future__ import annotations

from dataclasses import replace

from flows.engine.interruption import Interruption
from flows.engine.scenario import Expected, Scenario
from flows.engine.verdicts import Verdict
from shared.faults.plan import Fault
from shared.run.step_names import shard_step

COLUMN = "prefect-deployed"
SLOW_TAIL = tuple(Fault("slow", shard_step(shard)) for shard in (1, 2, 3))
UNTIL_SILENT = 240.0  # seconds: a heartbeat, the silence after it, and time for the server to act
UNTIL_EXPIRED = 420.0  # seconds: a slot is leased for five minutes at a time
SHORT = 45.0  # seconds after which a run whose processes are dead counts as stuck

_STUCK = Expected(Verdict.STUCK, reason="nobody is left who could report the death, and the server says Running")
_CRASHED = Expected(Verdict.FAILED, reason="the run is Crashed, and Prefect retries no run that crashed")


def _on_deployed(expected: Expected) -> dict[str, Expected]:
    return {COLUMN: expected}


_ALL = (
    Scenario(
        "deployed_kill_flow",
        "kill -9 of the flow's process",
        "How soon does the engine know, and free the slot?",
        _on_deployed(_CRASHED),
        SLOW_TAIL,
        interruption=Interruption.KILL_ORCHESTRATOR,
    ),
    Scenario(
        "deployed_kill_worker",
        "kill -9 of the worker, and not of its flow",
        "Does a flow survive its worker?",
        _on_deployed(Expected(Verdict.UNAFFECTED)),
        SLOW_TAIL,
        interruption=Interruption.KILL_WORKER,
    ),
    Scenario(
        "deployed_kill_flow_and_worker",
        "kill -9 of the flow's process and of its worker, as when a machine is lost",
        "Does anybody notice?",
        _on_deployed(_STUCK),
        SLOW_TAIL,
        interruption=Interruption.KILL_FLOW_AND_WORKER,
        deadline=SHORT,
    ),
    Scenario(
        "deployed_silent_exit",
        "The flow's process leaves with exit status 0 and says nothing",
        "Does silence count as success, or as work?",
        _on_deployed(_STUCK),
        (Fault("exit_without_result", shard_step(2)),),
        1,
        deadline=SHORT,
        slow=True,  # without heartbeats, exit_without_result_once says the same
    ),
    Scenario(
        "deployed_restart_server",
        "The server is stopped and started again in the middle of a run",
        "Does a run survive a restart of the server?",
        _on_deployed(Expected(Verdict.UNAFFECTED)),
        SLOW_TAIL,
        interruption=Interruption.RESTART_SERVER,
    ),
    Scenario(
        "deployed_cancel_while_hanging",
        "The run is canceled through the API while a shard hangs",
        "Does canceling stop what blocks?",
        _on_deployed(Expected(Verdict.FAILED)),
        (Fault("hang", shard_step(2)),),
        1,
        interruption=Interruption.CANCEL_THROUGH_ENGINE,
    ),
    Scenario(
        "deployed_run_id_twice",
        "Two runs of one run_id at once",
        "Do two runs that share a folder harm each other?",
        _on_deployed(Expected(Verdict.OURS)),
        SLOW_TAIL,
        interruption=Interruption.START_AGAIN,
    ),
    Scenario(
        "deployed_change",
        "The deployment is changed while a run is still running",
        "Does a run keep what it was started with?",
        _on_deployed(Expected(Verdict.UNAFFECTED)),
        SLOW_TAIL,
        interruption=Interruption.DEPLOY_AGAIN,
    ),
)


_LONG = Scenario(
    "deployed_lost_machine_for_minutes",
    "kill -9 of the flow's process and of its worker, and nobody does anything for seven minutes",
    "Does the slot come free although the run says Running?",
    _on_deployed(_STUCK),
    SLOW_TAIL,
    interruption=Interruption.KILL_FLOW_AND_WORKER,
    deadline=UNTIL_EXPIRED,
    slow=True,
)


def _with_heartbeats(scenario: Scenario) -> Scenario:
    """The same where a run that sends no more heartbeats is marked Crashed; it needs minutes."""
    stuck = scenario.expects == _on_deployed(_STUCK)
    return replace(
        scenario,
        name=f"{scenario.name}_heartbeats",
        title=f"{scenario.title}; heartbeats are watched",
        expects=_on_deployed(_CRASHED) if stuck else scenario.expects,
        deadline=UNTIL_SILENT if stuck else scenario.deadline,
        heartbeats=True,
        slow=True,
    )


SCENARIOS = (*_ALL, _LONG, *map(_with_heartbeats, _ALL))
