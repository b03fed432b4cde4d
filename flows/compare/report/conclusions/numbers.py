"""Formats numbers for the report: median, spread and count."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from flows.compare.record.concluded import Spread

if TYPE_CHECKING:
    from collections.abc import Iterable


def spread(seen: Iterable[float], digits: int = 3) -> Spread | None:
    """Of some numbers; None without any."""
    numbers = sorted(seen)
    if not numbers:
        return None
    least, middle, most = (round(number, digits) for number in (numbers[0], median(numbers), numbers[-1]))
    return Spread(median=middle, least=least, most=most, n=len(numbers))


def in_words(numbers: Spread | None, unit: str = "") -> str:
    """``1.2 s (1.1 to 1.3, n = 3)``; of one observation it says so."""
    if numbers is None:
        return "not measured"
    if numbers.n == 1:
        return f"{numbers.median:g}{unit} (one observation)"
    return f"{numbers.median:g}{unit} ({numbers.least:g} to {numbers.most:g}, n = {numbers.n})"
