"""Reads compare.json of schema 2, which version 0.2 wrote."""

from __future__ import annotations

from typing import Any

from flows.compare.record.comparison import Comparison
from flows.engine.verdicts import Verdict

Json = dict[str, Any]
HERE, THERE = "here", "elsewhere"  # hosts, where only that they differ was recorded


def converted(content: Json) -> Comparison:
    """Convert a comparison of schema 2; a ValueError if it is not one."""
    try:
        return Comparison.model_validate(_comparison(content))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _comparison(content: Json) -> Json:
    ours = {cell["column"]: cell["evidence"]["isolated"] for cell in content["cells"]}
    products = {each["product"] for each in content["columns"].values()} - {""}
    kept = ("made_at", "machine", "versions", "pipeline", "shards", "workers", "wait_scale", "declared", "reference")
    return {key: content[key] for key in kept} | {
        "products": {name: {"title": name.capitalize()} for name in products},
        "columns": {name: each | {"ours": ours.get(name, False)} for name, each in content["columns"].items()},
        "scenarios": {name: _scenario(each, content["columns"]) for name, each in content["scenarios"].items()},
        "cells": [_cell(cell, content) for cell in content["cells"]],
        "hints": content["lint"],
    }


def _scenario(scenario: Json, columns: Json) -> Json:
    """What version 0.2 expected of the engine on a stand-in, it expected of our code."""
    expected = {
        name: each | {"verdict": Verdict.OURS}
        if columns[name]["stand_in"] and each["verdict"] == Verdict.ENGINE
        else each
        for name, each in scenario["expected"].items()
    }
    return scenario | {"expected": expected}


def _cell(cell: Json, content: Json) -> Json:
    timeout = content["scenarios"][cell["scenario"]]["timeout_seconds"]
    waits = cell["ledger"]["waits"]
    apart = any(wait["clock"] == "different" for wait in waits)
    kept = ("scenario", "column", "repeat", "observed_on", "workers", "shards", "starts", "store", "engine", "command")
    return {key: cell[key] for key in kept} | {
        "policy": content["declared"]
        | _declared(waits, content["declared"])
        | ({"timeout_seconds": timeout} if timeout else {}),
        "attempts": [_attempt(attempt, apart=apart) for attempt in cell["ledger"]["attempts"]],
        "fired": [_firing(text) for text in cell["fired"]],
        "continues": cell["evidence"]["continues"],
        "log": cell["log"],
        "judgement": _unjudged(cell, content),
    }


def _declared(waits: list[Json], policy: Json) -> Json:
    """The waits as a platform had them that nothing here could make shorter."""
    seen = {wait["retry"]: wait["declared_seconds"] for wait in waits}
    return {"waits_seconds": [seen.get(number, wait) for number, wait in enumerate(policy["waits_seconds"], start=1)]}


def _attempt(attempt: Json, *, apart: bool) -> Json:
    end = attempt["end"] or {}
    by = attempt["ended_by"]
    ended = {
        "moment": {
            "at": attempt["ended_at"],
            "monotonic": end.get("monotonic"),
            "host": THERE if apart and by == "engine" else HERE,
        },
        "by": by,
        "outcome": end.get("outcome", ""),
        "error": end.get("error", ""),
    }
    return {
        "step": attempt["step"],
        "invocation": attempt["invocation"],
        "number": attempt["attempt"],
        "pid": attempt["pid"],
        "begin": {"at": attempt["claimed_at"], "host": HERE},
        "end": ended if attempt["ended_at"] else None,
    }


def _firing(text: str) -> Json:
    """``kill at shard-002, attempt 1``."""
    kind, _, rest = text.partition(" at ")
    step, _, attempt = rest.partition(", attempt ")
    return {"kind": kind, "step": step, "attempt": int(attempt)}


def _unjudged(cell: Json, content: Json) -> Json:
    """A judgement to be derived again."""
    counts = dict.fromkeys(("retries", "deaths"), 0)
    return counts | {
        "verdict": cell["verdict"],
        "tested": cell["tested"],
        "expected": content["scenarios"][cell["scenario"]]["expected"][cell["column"]],
        **dict.fromkeys(("step", "attempts", "expected_attempts")),
        **dict.fromkeys(("mismatches", "findings", "overlaps", "reprocessed", "waits"), ()),
    }
