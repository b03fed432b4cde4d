"""Cells, columns and whole comparisons as compare.json has them, as data."""

from __future__ import annotations

from typing import Any

from flows.compare.report.content import SCHEMA
from flows.engine.verdicts import Verdict
from tests.flows.compare.entries import START, entry

Json = dict[str, Any]
ON = {"served_by": "a server", "version": "1.0", "at": START.isoformat(), "machine": "Linux x86_64, 2 cores"}


def attempt(step: str, number: int, begin: float, end: float | None, **more: Any) -> Json:
    """An attempt of a cell's ledger."""
    made = entry(step, number, begin, end, **more)
    ended = made["end"]
    return made | {"ended_at": ended["ended_at"] if ended else None, "ended_by": ended["ended_by"] if ended else ""}


def cell(scenario: str, column: str, verdict: str = Verdict.UNAFFECTED, **more: Any) -> Json:
    """A cell of two attempts that is as expected."""
    ledger = {
        "attempts": [attempt("stage", 1, 0, 1), attempt("shard-000", 1, 1, 3)],
        "retries": 0,
        "deaths": 0,
        "overlaps": [],
        "waits": [],
        "waiting_seconds": 0.0,
        "reprocessed": [],
    }
    start = {"completed": True, "error": "", "answered": True, "ended": True, "status": 0, "interrupted": False}
    store = {"finished": True, "digest": "v1:1000:ab", "committed": 10, "missing": 0, "duplicated": 0, "stale": 0}
    return {
        "scenario": scenario,
        "column": column,
        "repeat": 1,
        "verdict": verdict,
        "observed_on": ON,
        "tested": True,
        "as_expected": True,
        "mismatches": [],
        "reason": "",
        "attempts": 1,
        "expected_attempts": 1,
        "workers": 2,
        "step": "shard-000",
        "shards": 10,
        "records": 1_000,
        "evidence": {},
        "fired": [],
        "starts": [start | {"seconds": 4.0, "ended_at": START.isoformat()}],
        "ledger": ledger,
        "store": store | {"differences": [], "first_difference": ""},
        "engine": [],
        "findings": [],
        "command": f"shardwise compare --scenarios {scenario} --engines {column}",
        "log": "",
    } | more


def mismatch(found: Json, message: str = "stuck, expected unaffected") -> Json:
    """The same cell, not as expected."""
    return found | {"mismatches": [message], "as_expected": False}


def column(product: str, *, stand_in: bool = False, absent: str = "") -> Json:
    """A column that was observed here, or why it was not."""
    return {
        "title": f"{product} here",
        "product": product,
        "stand_in": stand_in,
        "observed_on": None if absent else ON,
        "not_observed": absent,
        "recorded_in": "",
    }


COLUMNS = {"local": column(""), "prefect": column("prefect"), "render": column("render", stand_in=True)}


def comparison(cells: list[Json], columns: Json | None = None) -> Json:
    """What was observed, before anything is concluded."""
    scenarios = dict.fromkeys(each["scenario"] for each in cells)
    return {
        "schema": SCHEMA,
        "made_at": "2026-11-25T12:00:00+00:00",
        "machine": "Linux x86_64, 2 cores",
        "versions": {"shardwise": "0.1.0"},
        "pipeline": {"name": "customers", "version": 2, "reference": "a:b"},
        "shards": 10,
        "workers": 2,
        "wait_scale": 1.0,
        "declared": {"max_attempts": 4, "waits_seconds": [2.0, 3.0, 4.5], "timeout_seconds": 600.0},
        "reference": {"digest": "v1:1000:ab", "varying": []},
        "columns": columns or COLUMNS,
        "scenarios": {name: scenario(name) for name in scenarios},
        "cells": cells,
        "lint": [],
    }


def scenario(name: str) -> Json:
    """A scenario in which nothing breaks."""
    empty = dict.fromkeys(("interruption", "promised_attempts", "timeout_seconds", "generated", "shards"))
    return {"title": name, "purpose": "?", "plan": [], "run_again": False, "expected": {}} | empty
