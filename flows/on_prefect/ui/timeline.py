"""Draws attempts as a picture for Prefect's UI."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from shared.drawing import svg
from shared.drawing.rows import FONT, KINDS, ROW, Look, draw, height_of
from shared.drawing.timeline import DrawnAtMost, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.drawing.timeline import Row
    from shared.run.attempts import Attempt

WIDTH, LEFT, LEGEND = 760, 92, 150  # pixels: of the picture, its labels, one entry of its legend
LOOK = Look(ink="#2d3748", muted="#4a5568", line="#edf2f7", done="#2f855a", failed="#c53030", on_bar="#ffffff")
LIMITS = DrawnAtMost(steps=50, disturbed=20)  # rows that a person can look through


def of_attempts(attempts: Sequence[Attempt]) -> str:
    """Return a picture of the attempts of one start as a ``data_uri``."""
    return data_uri(picture(rows_of(attempts, limits=LIMITS), f"Timeline of {len(attempts)} attempts"))


def data_uri(drawing: str) -> str:
    """Return an SVG as a data URI for a Markdown image."""
    return f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}"


def picture(rows: Sequence[Row], label: str) -> str:
    """Return an SVG of some rows with a label; empty without rows."""
    if not rows:
        return ""
    height = height_of(rows) + ROW
    parts = [svg.rect(0, 0, WIDTH, height, fill="#fff"), *draw(rows, WIDTH, LEFT, LOOK), *_legend(height)]
    name = "http://www.w3.org/2000/svg"
    return svg.picture(WIDTH, height, label, parts, xmlns=name, font_family="sans-serif", font_size=FONT)


def _legend(height: float) -> list[str]:
    parts = []
    for number, (kind, words) in enumerate(KINDS.items()):
        x = LEFT + number * LEGEND
        parts.append(svg.rect(x, height - 12, 10, 8, "", **LOOK.of(kind)))
        parts.append(svg.text(x + 14, height - 4, words, fill=LOOK.ink))
    return parts
