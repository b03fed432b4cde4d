"""What a seed draws: an engine, and which process of the run gets which signal when."""

from __future__ import annotations

import random
import signal
from dataclasses import dataclass
from typing import Self

SHARDS = 3  # two at a time: one always waits
CLAIMS = SHARDS + 2  # attempts of an undisturbed run: the staging, the shards, the aggregation


@dataclass(frozen=True)
class Setup:
    """A way to run.

    Attributes:
        name: As it is printed.
        engine: As ``--engine`` has it.
        isolation: ``SHARDWISE_ISOLATION`` of the disturbed start.
        server: Whether a Render server that runs already serves it, which then is disturbed too.
        weight: How often it is drawn, in proportion to the others.
    """

    name: str
    engine: str
    isolation: str = "process"
    server: bool = False
    weight: int = 1


SETUPS = (
    Setup("local", "local", weight=6),
    Setup("prefect", "prefect", isolation="none"),  # a flow run costs several times what the others do
    Setup("prefect-isolated", "prefect"),
    Setup("render", "render", weight=3),
    Setup("render on a started server", "render", server=True, weight=6),
)

SIGNALS = (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM)


@dataclass(frozen=True)
class Disturbance:
    """A signal to one process.

    Attributes:
        claims: Attempts that are on record before it comes, 0 for a run that still starts.
        delay: Seconds from that moment.
        signal: SIGKILL, SIGTERM, or SIGSTOP, which SIGCONT follows.
        target: From 0 to 1 (excluded): which of the processes alive then, in the order of their start.
        pause: Seconds until a stopped process is continued.
    """

    claims: int
    delay: float
    signal: signal.Signals
    target: float
    pause: float

    @classmethod
    def draw(cls, dice: random.Random) -> Self:
        """One at any moment of a run, its start included."""
        claims = dice.randint(0, CLAIMS)
        delay = dice.uniform(0, 0.3 if claims else 2.0)
        return cls(claims, delay, dice.choice(SIGNALS), dice.random(), dice.uniform(0.05, 0.8))

    def __str__(self) -> str:
        """As it is printed."""
        moment = f"{self.delay:.2f} s after {self.claims} claims"
        return f"{self.signal.name} {moment} to the process at {self.target:.2f}"


@dataclass(frozen=True)
class Plan:
    """What happens to one run."""

    seed: int
    setup: Setup
    disturbances: tuple[Disturbance, ...]

    @classmethod
    def of(cls, seed: int) -> Self:
        """The same plan for the same seed, always."""
        dice = random.Random(seed)  # noqa: S311 — not for secrets
        (setup,) = dice.choices(SETUPS, [setup.weight for setup in SETUPS])
        drawn = [Disturbance.draw(dice) for _ in range(dice.randint(1, 3))]
        return cls(seed, setup, tuple(sorted(drawn, key=lambda each: each.claims)))

    def __str__(self) -> str:
        """As it is printed."""
        return f"{self.setup.name}: {', '.join(map(str, self.disturbances))}"
