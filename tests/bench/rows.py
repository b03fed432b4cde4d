"""What the bench tells: rows of figures; and several things measured in turn, compared round by round."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.bench.measure import Measured

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """What to measure.

    Attributes:
        sizes: Keys of ``SIZES``, smallest first.
        repeat: Rounds of each comparison; medians are told.
    """

    sizes: list[str]
    repeat: int


@dataclass(frozen=True)
class Row:
    """Figures about one thing.

    Attributes:
        part: The part of the bench that measured it.
        what: The thing; unique within the part.
        figures: By name, which ends with the unit.
    """

    part: str
    what: str
    figures: dict[str, float]

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {value:g}" for name, value in self.figures.items())
        return f"{self.part:<12} {self.what}: {figures}"


def in_turn(commands: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Call all, then all again: a machine that is slow for a while is so for each of them."""
    taken: dict[str, list[T]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(command())
    return taken


def row(part: str, what: str, **figures: float) -> Row:
    """A row with figures of four digits after the point at most."""
    return Row(part, what, {name: round(value, 4) for name, value in figures.items()})


def medians(many: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Each figure's median."""
    listed = list(many)
    return {name: statistics.median(each[name] for each in listed) for name in listed[0]}


def median_over(ones: Iterable[float], *others: Iterable[float]) -> float:
    """The median of the differences of the rounds: one less all others."""
    differences: list[float] = [one - sum(less) for one, less in zip(ones, zip(*others, strict=True), strict=True)]
    return statistics.median(differences)


def median_ratio(ones: Iterable[float], others: Iterable[float]) -> float:
    """The median of the ratios of the rounds."""
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))


def walls(many: Iterable[Measured]) -> list[float]:
    """Wall seconds of each."""
    return [each.wall_s for each in many]
