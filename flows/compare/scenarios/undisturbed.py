"""Scenarios without faults, and one with a slow shard."""

from __future__ import annotations

from flows.compare.scenarios.common import FAULTED, MANY
from flows.engine.scenario import Kind, Scenario
from shared.faults.plan import Fault


def undisturbed() -> tuple[Scenario, ...]:
    """Of the data of the comparison, of more data, in more shards."""
    return (
        Scenario(
            "nothing_breaks",
            "An undisturbed run",
            "Do all engines publish the same?",
            Kind.NOTHING,
            measured=True,
        ),
        Scenario(
            "at_scale",
            f"An undisturbed run over {MANY:,} records",
            "Do they still, and what does a record cost where work outweighs starting it?",
            Kind.NOTHING,
            generated=MANY,
        ),
        Scenario(
            "hundred_shards",
            "An undisturbed run in 100 shards",
            "How soon does work begin where there is more of it?",
            Kind.NOTHING,
            shards=100,
            measured=True,
            slow=True,
        ),
        Scenario(
            "thousand_shards",
            "An undisturbed run in 1,000 shards",
            "How soon does work begin where there is far more of it?",
            Kind.NOTHING,
            shards=1_000,
            slow=True,
        ),
        Scenario(
            "slow_shard",
            "A shard takes a second longer",
            "Is a slow shard left alone?",
            Kind.NOTHING,
            (Fault("slow", FAULTED),),
            1,
            slow=True,
        ),
    )
