"""Small pictures: words are escaped, numbers short, an axis has round numbers."""

from __future__ import annotations

import pytest

from shared.drawing import svg


@pytest.mark.parametrize(
    ("longest", "ticks"),
    [
        (0, [0.0]),
        (1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (7.3, [0, 2, 4, 6]),
        (0.35, [0, 0.1, 0.2, 0.3]),
        (60, list(range(0, 70, 10))),
    ],
)
def test_an_axis_has_round_numbers(longest: float, ticks: list[float]) -> None:
    """Evenly apart, from 0, none beyond the longest."""
    assert svg.ticks(longest) == ticks


def test_words_and_values_are_escaped() -> None:
    """Whatever an engine said, it is text."""
    picture = svg.picture(10, 20.04, 'a "label"', [svg.text(1 / 3, 2, "<b>&"), svg.rect(0, 0, 1, 1, "a < b", fill="x")])
    assert '<text x="0.3" y="2">&lt;b&gt;&amp;</text>' in picture
    assert 'aria-label="a &quot;label&quot;"' in picture
    assert "<title>a &lt; b</title>" in picture
    assert 'viewBox="0 0 10 20"' in picture
