"""What a scenario breaks, as a sentence of the reports."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from shared.faults.plan import KINDS

Json = dict[str, Any]


def plan_sentence(scenario: Json) -> str:
    """A scenario's faults and interruptions, as compare.json has them, in words; without a full stop."""
    alike = groupby(scenario["plan"], key=lambda fault: (fault["kind"], fault["attempts"]))
    said = [_faults(kind, attempts, [fault["step"] for fault in faults]) for (kind, attempts), faults in alike]
    said += [f"once a first shard is committed: {scenario['interruption']}"] if scenario["interruption"] else []
    said += ["then the run is started again"] if scenario["run_again"] else []
    said += [f"an attempt may take {scenario['timeout_seconds']:g} s"] if scenario["timeout_seconds"] else []
    sentence = "; ".join(said) or "nothing breaks"
    return sentence[0].upper() + sentence[1:]


def _faults(kind: str, attempts: list[int], steps: list[str]) -> str:
    which = f"attempt{'s' * (len(attempts) > 1)} {', '.join(map(str, attempts))}"
    return f"{', '.join(steps)}, {which}: {KINDS.get(kind, kind)}"
