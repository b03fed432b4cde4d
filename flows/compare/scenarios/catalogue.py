"""All scenarios that run on every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.scenarios.aggregation import aggregation
from flows.compare.scenarios.ends import killed, silent
from flows.compare.scenarios.errors import caused_around, raised
from flows.compare.scenarios.several import several
from flows.compare.scenarios.starts import interrupted, started_again
from flows.compare.scenarios.undisturbed import undisturbed
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.engine.engine import Engine
    from flows.engine.scenario import Scenario
    from shared.run.policy import RetryPolicy

MIN_SHARDS = 8  # the plans break and slow down shards 0 to 7


def scenarios_for(policy: RetryPolicy, shards: int, engines: Iterable[Engine]) -> dict[str, Scenario]:
    """All scenarios by name.

    Args:
        policy: The policy of the steps, from which expected attempts follow.
        shards: The number of shards, for scenarios that affect all of them.
        engines: Engines with their own scenarios.
    """
    groups = (
        undisturbed(),
        raised(policy),
        caused_around(policy),
        killed(policy),
        silent(policy),
        several(policy, shards),
        aggregation(policy),
        interrupted(),
        started_again(policy),
        *(engine.scenarios for engine in engines),
    )
    return {each.name: each for group in groups for each in group}


def find_scenarios(names: str, known: dict[str, Scenario], *, slow: bool) -> list[Scenario]:
    """The scenarios of a list like ``hang_once,raise_twice``; a TerminalError names what is unknown.

    Args:
        names: The list; empty takes all that are not slow.
        known: By name.
        slow: Whether an empty list takes the slow ones, too.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in known]:
        raise TerminalError(f"--scenarios has {', '.join(unknown)}; known are {', '.join(known)}")
    if wanted:
        return [each for each in known.values() if each.name in wanted]
    return [each for each in known.values() if slow or not each.slow]
