"""Describes the plan of a scenario in a sentence."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from shared.faults.plan import KINDS

if TYPE_CHECKING:
    from flows.compare.record.comparison import Scenario


def plan_sentence(scenario: Scenario) -> str:
    """A scenario's faults and interruptions in words; without a full stop."""
    alike = groupby(scenario.plan, key=lambda fault: (fault.kind, fault.attempts))
    parts = [_faults(kind, attempts, [fault.step for fault in faults]) for (kind, attempts), faults in alike]
    parts += [f"once a first shard is committed: {scenario.interruption}"] if scenario.interruption else []
    parts += ["then the staging is removed"] if scenario.without_staging else []
    parts += ["then the run is started again"] if scenario.run_again else []
    parts += ["an attempt may take little longer than without faults"] if scenario.short_timeout else []
    sentence = "; ".join(parts) or "nothing breaks"
    return sentence[0].upper() + sentence[1:]


def _faults(kind: str, attempts: tuple[int, ...], steps: list[str]) -> str:
    which = f"attempt{'s' * (len(attempts) > 1)} {', '.join(map(str, attempts))}"
    return f"{_where(steps)}, {which}: {KINDS.get(kind, kind)}"


def _where(steps: list[str]) -> str:
    shards = [str(int(step.removeprefix("shard-"))) for step in steps if step.startswith("shard-")]
    if not shards:
        return " and ".join(steps)
    return f"shard{'s' * (len(shards) > 1)} {', '.join(shards)}"
