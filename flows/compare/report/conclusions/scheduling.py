"""How soon work begins: from the trigger to the first claim, and per shard from when it is due to its claim."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flows.compare.report.conclusions.numbers import spread

Json = dict[str, Any]

SCENARIOS = ("nothing_breaks", "hundred_shards", "thousand_shards")


def scheduling_of(cells: list[Json]) -> list[Json]:
    """One row per column and number of shards, in seconds over all repetitions."""
    groups: dict[tuple[str, int], list[Json]] = {}
    for cell in cells:
        if cell["scenario"] in SCENARIOS and cell["as_expected"]:
            groups.setdefault((cell["column"], cell["shards"]), []).append(cell)
    return [
        {
            "column": column,
            "shards": shards,
            "first_claim": spread(map(_first_claim, group)),
            "due_to_claim": spread(delay for cell in group for delay in _due_to_claim(cell)),
            "whole": spread((cell["starts"][0]["seconds"] for cell in group), digits=2),
        }
        for (column, shards), group in sorted(groups.items())
    ]


def _first_claim(cell: Json) -> float:
    start = cell["starts"][0]
    began = _time(start["ended_at"]) - timedelta(seconds=start["seconds"])
    return (min(_time(entry["claimed_at"]) for entry in cell["ledger"]["attempts"]) - began).total_seconds()


def _due_to_claim(cell: Json) -> list[float]:
    """A shard is due when the staging has ended and a slot is free: when so many shards before it have ended."""
    entries = [entry for entry in cell["ledger"]["attempts"] if entry["end"]]
    staged = [_time(entry["end"]["ended_at"]) for entry in entries if entry["step"] == "stage"]
    shards = [entry for entry in entries if entry["step"].startswith("shard-")]
    claims = sorted(_time(entry["claimed_at"]) for entry in shards)
    ends = sorted(_time(entry["end"]["ended_at"]) for entry in shards)
    if not staged:
        return []
    free = [staged[0]] * cell["workers"] + [max(staged[0], end) for end in ends]
    return [max(0.0, (claim - due).total_seconds()) for claim, due in zip(claims, free, strict=False)]


_time = datetime.fromisoformat
