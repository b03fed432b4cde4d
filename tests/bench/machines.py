"""How far one machine goes: the table of ``deployments/README.md``, made from the rows of the part "large"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.compare.report.markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterator

Measured = dict[str, Any]
Figures = dict[str, float]

MEASURED = {"1M on local, 10 shards": ("1,000,000", 10), "10M on local, 100 shards": ("10,000,000", 100)}
GIB = 1024


def machine(measured: Measured) -> str:
    """What was measured, and ten times the most of it by the same growth; empty where it was not measured."""
    found: dict[str, Figures] = {each["what"]: each["figures"] for each in measured["rows"] if each["part"] == "large"}
    if not found.keys() >= set(MEASURED):
        return ""
    rows = [_row(*size, found[what], "measured") for what, size in MEASURED.items()]
    less, more = (found[what] for what in MEASURED)
    rows.append(_row("100,000,000", 1_000, _grown(less, more), "extrapolated"))
    return table(["customers", "shards", "time", "memory, all processes", "data", "store", ""], rows)


def _grown(less: Figures, more: Figures) -> Figures:
    """Ten times as much again: each figure grows by the factor by which it grew before."""
    return {name: value * value / less[name] for name, value in more.items() if less.get(name)}


def _row(customers: str, shards: int, figures: Figures, how: str) -> Iterator[str]:
    yield customers
    yield f"{shards:,}"
    yield f"{figures['wall_s']:.3g} s" if figures["wall_s"] < 600 else f"{figures['wall_s'] / 60:.0f} minutes"
    yield f"{figures['together_mib']:.0f} MiB"
    for name in ("data_mib", "store_mib"):
        yield f"{figures[name] / GIB:,.1f} GiB"
    yield how
