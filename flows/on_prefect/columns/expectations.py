"""Expected results of Prefect's columns if the process of a step ends or hangs, with the reasons."""

from __future__ import annotations

from flows.engine.scenario import Expected, Kind
from flows.engine.verdicts import Verdict

ONE_PROCESS = "by default, Prefect runs all shards on threads of one process, and the flow ends with that process"
POOL = "Prefect retries nothing when a process of its pool dies"
CRASHED = "the run is Crashed, and Prefect retries no run that crashed"
BLOCKED = "by default, Prefect runs shards on threads, and no timeout can stop a thread that blocks"
SILENT = "the process exits with status 0, and Prefect reports Running forever"
NO_RUN_RETRY = "a flow's own process makes its retries, so a run whose process is killed gets none"
IN_FLOW = "the step runs in the flow's own process"

IN_CALLER = {Kind.RUN_DIES: Expected(Verdict.STUCK, reason=NO_RUN_RETRY)}
_BLOCKED, _SILENT = Expected(Verdict.STUCK, reason=BLOCKED), Expected(Verdict.STUCK, reason=SILENT)

ON_THREADS = IN_CALLER | {
    Kind.SHARD_DIES: Expected(Verdict.STUCK, reason=ONE_PROCESS),
    Kind.STEP_DIES: Expected(Verdict.STUCK, reason=ONE_PROCESS),
    Kind.HANGS: _BLOCKED,
    Kind.LEAVES: _SILENT,
}
BY_POOL = IN_CALLER | {
    Kind.SHARD_DIES: Expected(Verdict.FAILED, reason=POOL),
    Kind.STEP_DIES: Expected(Verdict.STUCK, reason=IN_FLOW),
    Kind.LEAVES: Expected(Verdict.FAILED, reason=POOL),
}
DEPLOYED = {
    Kind.SHARD_DIES: Expected(Verdict.FAILED, reason=CRASHED),
    Kind.STEP_DIES: Expected(Verdict.FAILED, reason=CRASHED),
    Kind.HANGS: _BLOCKED,
    Kind.LEAVES: _SILENT,
    Kind.RUN_DIES: Expected(Verdict.FAILED, reason=CRASHED),
}
# Both run shards in other processes, and the other steps in the flow's process; observed on Prefect 3.9.1.
BY_DASK = IN_CALLER | {Kind.STEP_DIES: Expected(Verdict.STUCK, reason=IN_FLOW), Kind.HANGS: _BLOCKED}
BY_DEPLOYMENT = IN_CALLER | {Kind.STEP_DIES: Expected(Verdict.STUCK, reason=IN_FLOW)}
SHIPPED = {Kind.RUN_DIES: Expected(Verdict.OURS)}
