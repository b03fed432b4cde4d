"""What machines cost, with source and date. ``--prices`` reads other prices from a file."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING, Any

from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

BY_THE_SECOND, BY_THE_MONTH = "by the second", "by the month"
PER = {BY_THE_SECOND: "hour of wall time", BY_THE_MONTH: "month"}
ROLES = {BY_THE_SECOND: ("stage", "shard", "run"), BY_THE_MONTH: ("worker",)}  # each role needs a price
OLD = 90  # days; the report marks older prices with "as of"


@dataclass(frozen=True)
class Price:
    """One price.

    Attributes:
        role: What is paid for: ``stage``, ``shard`` or ``run`` by the second; ``worker``, ``server`` and others by the
            month.
        paid: ``by the second`` or ``by the month``.
        what: The plan or machine.
        dollars: The price in US dollars.
        per: ``hour of wall time`` or ``month``.
        cpus: Cores that do the work; 0 for a machine that only serves.
        source: The page with the price.
        as_of: The date when the page was read.
    """

    role: str
    paid: str
    what: str
    dollars: float
    per: str
    cpus: float
    source: str
    as_of: date

    @classmethod
    def of(cls, value: dict[str, Any], where: str) -> Price:
        """Check one entry of the file; a TerminalError names the problem."""
        names = {field.name for field in fields(cls)}
        if set(value) != names:
            wrong = ", ".join(sorted(set(value) ^ names))
            raise TerminalError(f"{where}: {wrong} is missing or unknown; a price has {', '.join(sorted(names))}")
        if PER.get(value["paid"]) != value["per"]:
            known = ", ".join(f"{paid!r} per {per!r}" for paid, per in PER.items())
            raise TerminalError(f"{where}: paid {value['paid']!r} per {value['per']!r}; known are {known}")
        try:
            numbers = {"dollars": float(value["dollars"]), "cpus": float(value["cpus"])}
            return cls(**(value | numbers | {"as_of": date.fromisoformat(value["as_of"])}))
        except (TypeError, ValueError) as error:
            raise TerminalError(f"{where}: {error}") from error

    @property
    def monthly(self) -> bool:
        """Whether it is paid by the month instead of by the second."""
        return self.paid == BY_THE_MONTH

    def is_old(self, on: date) -> bool:
        """Whether it was read more than 90 days before a day."""
        return (on - self.as_of).days > OLD


def read_prices(path: Path) -> tuple[Price, ...]:
    """Read the prices of a file.

    Raises:
        TerminalError: The file is missing or invalid, or a role has no price.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["prices"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TerminalError(f"--prices {path} cannot be read: {error}; it must hold a list of prices") from error
    prices = [Price.of(entry, f"--prices {path}, price {number}") for number, entry in enumerate(entries, start=1)]
    for paid, roles in ROLES.items():
        if missing := [role for role in roles if all((p.role, p.paid) != (role, paid) for p in prices)]:
            raise TerminalError(f"--prices {path} has no price {paid} for {', '.join(missing)}")
    return tuple(prices)
