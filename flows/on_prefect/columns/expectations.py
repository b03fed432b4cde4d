"""What Prefect's columns are known to do when the process of a step ends or hangs; the reason is known, too."""

from __future__ import annotations

from flows.engine.scenario import Expected, Kind
from flows.engine.verdicts import Verdict

ONE_PROCESS = "as it is, Prefect runs all shards on threads of one process: the end of one is the end of the flow"
POOL = "Prefect retries nothing when a process of its pool dies"
CRASHED = "the run is Crashed, and Prefect retries no run that crashed"
BLOCKED = "as it is, Prefect runs shards on threads, and no timeout can stop one that blocks"
SILENT = "the process leaves with exit status 0, and Prefect says Running for ever"
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
# Both run shards elsewhere, and the other steps in the flow's process; observed on Prefect 3.9.1.
BY_DASK = IN_CALLER | {Kind.STEP_DIES: Expected(Verdict.STUCK, reason=IN_FLOW), Kind.HANGS: _BLOCKED}
BY_DEPLOYMENT = IN_CALLER | {Kind.STEP_DIES: Expected(Verdict.STUCK, reason=IN_FLOW)}
SHIPPED = {Kind.RUN_DIES: Expected(Verdict.OURS)}
