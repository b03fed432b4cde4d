"""Counts the customers that the sources share; if one customer has different ids, few are in all sources."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from shared.customers.schema import SOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

Overlap = dict[str, Any]


def overlap(known: Mapping[str, npt.NDArray[np.bool_]]) -> Overlap:
    """Count the customers by the sources that know them.

    Args:
        known: Per source name, whether it has each customer.

    Returns:
        ``in_all``: the number in all sources; ``in_one_only``: by name, the number in this source only; ``in_both``: by
        pair, such as ``crm+billing``, the number in both.
    """
    import numpy as np

    sources = np.sum(list(known.values()), axis=0)
    return {
        "in_all": int((sources == len(known)).sum()),
        "in_one_only": {name: int((each & (sources == 1)).sum()) for name, each in known.items()},
        "in_both": {f"{one}+{two}": int((known[one] & known[two]).sum()) for one, two in combinations(known, 2)},
    }


def total(parts: Sequence[Overlap]) -> Overlap:
    """Add up the overlaps of disjoint sets of customers."""
    counted = ("in_one_only", "in_both")
    sums = {kind: {name: sum(part[kind][name] for part in parts) for name in parts[0][kind]} for kind in counted}
    return {"in_all": sum(part["in_all"] for part in parts), **sums}


def overlap_lines(found: Overlap) -> str:
    """Return the overlap as lines for people, in the order of the schema."""
    names = [source.name for source in SOURCES]
    one = ", ".join(f"{found['in_one_only'][name]:,} {name}" for name in names)
    pairs = [f"{found['in_both'][pair]:,} {pair}" for pair in map("+".join, combinations(names, 2))]
    return "\n".join(
        [
            f"{found['in_all']:,} customers in all sources",
            f"in one source only: {one}",
            f"in both: {', '.join(pairs[:3])}",
            f"         {', '.join(pairs[3:])}",
        ]
    )
