"""What a parity check shows of two engines: counted and timed from the ledger, drawn on one axis."""

from __future__ import annotations

import re
from base64 import b64decode
from xml.etree import ElementTree as ET

from flows.on_prefect.ui.orchestration import Side, section
from tests.flows.compare.attempts import attempt

SVG = "{http://www.w3.org/2000/svg}"
STEADY = [attempt("stage", 1, 0, 1), attempt("shard-000", 1, 1, 3), attempt("aggregate", 1, 3, 4)]
# The first attempt at the shard fails, the second is cut off, the third commits.
DISTURBED = [
    attempt("stage", 1, 0, 1),
    attempt("shard-000", 1, 1, 2, outcome="failed"),
    attempt("shard-000", 2, 4, 5, ended_by="watcher"),
    attempt("shard-000", 3, 8, 10),
    attempt("aggregate", 1, 10, 10.5),
]


def test_facts_of_a_disturbed_run() -> None:
    """Retries, deaths and waits are counted, and each step is timed from its first begin to its last end."""
    assert Side("Prefect", DISTURBED).facts() == {
        "attempts": "5",
        "retries": "2",
        "deaths": "1",
        "waits before retries": "2, 5.0 s together",
        "staging": "1.00 s",
        "shards": "9.00 s",
        "aggregation": "0.50 s",
        "in total": "10.50 s",
    }


def test_both_sides_share_a_table_and_an_axis() -> None:
    """The table has a column for each, and the picture a heading and a bar for every attempt of each."""
    shown = section([Side("Prefect", DISTURBED), Side("Render (local stand-in)", STEADY)])
    assert "| | Prefect | Render (local stand-in) |\n|---|---|---|\n| attempts | 5 | 3 |\n| retries | 2 | 0 |" in shown
    (picture,) = re.findall(r"base64,([^)]+)", shown)
    drawn = ET.fromstring(b64decode(picture))  # noqa: S314 — our own drawing
    words = {text.text for text in drawn.iter(f"{SVG}text")}
    assert {"Prefect", "Render (local stand-in)"} <= words
    assert len([bar for bar in drawn.iter(f"{SVG}rect") if len(bar)]) == len(DISTURBED) + len(STEADY)
