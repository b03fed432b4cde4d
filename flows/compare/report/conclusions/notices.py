"""How soon an engine knows that a run has died or was canceled, and when the slot that it held is free again."""

from __future__ import annotations

from typing import Any

from flows.compare.report.conclusions.numbers import spread

Json = dict[str, Any]


def notices_of(cells: list[Json], scenarios: dict[str, Json]) -> list[Json]:
    """One row per scenario and column where a run did not complete and somebody could see when the engine knew.

    Seconds count from the end of the run's processes, or from the request to cancel it.
    """
    seen: dict[tuple[str, str], list[Json]] = {}
    for cell in cells:
        start = cell["starts"][0]
        if (watched := start.get("watched")) and not start["completed"]:
            seen.setdefault((cell["scenario"], cell["column"]), []).append(watched)
    return [
        {
            "scenario": scenario,
            "column": column,
            "heartbeats": bool(scenarios[scenario].get("heartbeats")),
            "known": _spread(watched, "known_seconds"),
            "slot_free": _spread(watched, "slot_seconds"),
            "watched_for": max(each["watched_seconds"] for each in watched),
        }
        for (scenario, column), watched in seen.items()
    ]


def _spread(watched: list[Json], name: str) -> Json | None:
    """Of those that were seen; None where none was while it was watched."""
    return spread((each[name] for each in watched if each[name] is not None), digits=1)
