"""Draws bars of letters as a picture, because Prefect's UI does not align text in columns."""

from __future__ import annotations

import re

from flows.on_prefect.ui.timeline import LOOK, data_uri
from shared.drawing import svg
from shared.drawing.quoting import cell, plain
from shared.drawing.rows import FONT, ROW

BAR = "█"
LINE = re.compile(rf"(?P<label>\S+)\s+(?P<bar>{BAR}*)\s+(?P<rest>\S.*)")
LETTER, GAP = 8, 8  # pixels: width of a bar's letter, gaps between label, bar and text


def drawn(text: str) -> str:
    """Return a text as a cell of a Markdown table; a text with bars becomes an image with the text as description."""
    bars = [LINE.fullmatch(line) for line in text.splitlines()]
    found = [(bar["label"], len(bar["bar"]), bar["rest"]) for bar in bars if bar]
    if BAR not in text or len(found) < len(bars):
        return cell(text)
    words = ", ".join(f"{label} {rest}" for label, _, rest in found)
    return f"![{plain(words)}]({data_uri(_picture(found, words))})"


def _picture(lines: list[tuple[str, int, str]], words: str) -> str:
    left = GAP + max(svg.width_of(label, FONT) for label, _, _ in lines) * 1.3  # capital letters are wide
    right = left + LETTER * max(length for _, length, _ in lines) + GAP
    width, height = right + max(svg.width_of(rest, FONT) for _, _, rest in lines) * 1.2, ROW * len(lines)
    parts = [svg.rect(0, 0, width, height, fill="#fff")]
    for number, (label, length, rest) in enumerate(lines):
        y = number * ROW
        parts.append(svg.text(2, y + ROW - 5, label, fill=LOOK.ink))
        parts.append(svg.rect(left, y + 3, max(1, length * LETTER), ROW - 6, fill=LOOK.done))
        parts.append(svg.text(right, y + ROW - 5, rest, fill=LOOK.ink))
    name = "http://www.w3.org/2000/svg"
    return svg.picture(width, height, words, parts, xmlns=name, font_family="sans-serif", font_size=FONT)
