"""Bars of a pipeline's summary, which Prefect's UI would show unaligned."""

from __future__ import annotations

import re
from base64 import b64decode
from xml.etree import ElementTree as ET

from flows.on_prefect.ui.bars import drawn

BARS = "LOW    ██     20.0%  2\nMEDIUM ██████ 60.0%  6\nHIGH          0.0%  0"


def test_bars_start_on_one_line_and_keep_their_lengths() -> None:
    """Each line is a bar in the picture, and its words are the picture's."""
    words, encoded = re.fullmatch(r"!\[(.*)\]\(data:image/svg\+xml;base64,(.*)\)", drawn(BARS)).groups()  # type: ignore[union-attr]
    assert words == "LOW 20.0% 2, MEDIUM 60.0% 6, HIGH 0.0% 0"
    _, *bars = ET.fromstring(b64decode(encoded)).iter("{http://www.w3.org/2000/svg}rect")  # noqa: S314 — our own drawing
    assert len({bar.attrib["x"] for bar in bars}) == 1
    low, medium, high = (float(bar.attrib["width"]) for bar in bars)
    assert medium == 3 * low > high > 0


def test_another_text_stays() -> None:
    """Words without bars, or with lines beside them, are shown as they are, in one cell of a table."""
    for text in ("1,000 customers", "a note\n" + BARS.replace(" ", ""), ""):
        assert drawn(text) == text.replace("\n", "<br>")
