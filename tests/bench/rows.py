"""What the bench measures: rows of figures; and several things measured in turn, compared round by round."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.bench.measure import Measured

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """What to measure.

    Attributes:
        sizes: Keys of ``SIZES``, smallest first.
        repeat: Rounds of each comparison.
        shards: Into how many the sample is divided, fewest first.
    """

    sizes: list[str]
    repeat: int
    shards: list[int]


@dataclass(frozen=True)
class Row:
    """Figures about one thing.

    Attributes:
        part: The part of the bench that measured it.
        what: The thing; unique within the part.
        figures: By name, which ends with the unit; medians where there are rounds.
        spreads: How far the rounds lie apart, by figure: half the way from the lowest to the highest.
    """

    part: str
    what: str
    figures: dict[str, float]
    spreads: dict[str, float]

    def __str__(self) -> str:
        return f"{self.part:<12} {self.what}: {', '.join(map(self._shown, self.figures))}"

    def _shown(self, name: str) -> str:
        spread = self.spreads[name]
        return f"{name} {self.figures[name]:.4g}" + (f" ± {spread:.2g}" if spread else "")


def in_turn(commands: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Call all, then all again: a machine that is slow for a while is so for each of them."""
    taken: dict[str, list[T]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(command())
    return taken


def row(part: str, what: str, **figures: float | Sequence[float]) -> Row:
    """A row of figures, each given as it is or as one of each round."""
    rounds = {name: [value] if isinstance(value, float | int) else value for name, value in figures.items()}
    return Row(
        part,
        what,
        {name: round(statistics.median(values), 4) for name, values in rounds.items()},
        {name: round((max(values) - min(values)) / 2, 4) for name, values in rounds.items()},
    )


def differences(ones: Iterable[float], *others: Iterable[float]) -> list[float]:
    """Round by round, one less all others."""
    return [one - sum(less) for one, less in zip(ones, zip(*others, strict=True), strict=True)]


def ratios(ones: Iterable[float], others: Iterable[float]) -> list[float]:
    """Round by round, one over the other."""
    return [one / other for one, other in zip(ones, others, strict=True)]


def each(many: Iterable[Measured], figure: str) -> list[float]:
    """A figure of each round."""
    return [getattr(measured, figure) for measured in many]


def walls(many: Iterable[Measured]) -> list[float]:
    """Wall seconds of each round."""
    return each(many, "wall_s")
