"""Small pictures as SVG text: elements with escaped words, and round numbers for an axis."""

from __future__ import annotations

import math
from html import escape

LETTER = 0.55  # of the font size: what a letter takes in width, on the average


def element(name: str, content: str = "", /, **attributes: str | float) -> str:
    """An element; ``_`` in an attribute's name becomes ``-``, numbers are rounded to a tenth.

    Args:
        name: Of the element.
        content: Elements or escaped words in it.
        attributes: Their values are escaped here.
    """
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return f"<{name}{said}>{content}</{name}>" if content else f"<{name}{said}/>"


def text(x: float, y: float, words: str, **attributes: str | float) -> str:
    """Words; ``text_anchor`` says which end is at x."""
    return element("text", escape(words), x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: str | float) -> str:
    """A line from one point to another."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def rect(x: float, y: float, width: float, height: float, title: str = "", **attributes: str | float) -> str:
    """A rectangle; its title is shown where the pointer rests on it."""
    words = element("title", escape(title)) if title else ""
    return element("rect", words, x=x, y=y, width=width, height=height, **attributes)


def picture(width: float, height: float, label: str, parts: list[str], **attributes: str | float) -> str:
    """The whole; the label says what it shows, for who cannot see it."""
    box = f"0 0 {_value(width)} {_value(height)}"
    return element(
        "svg", "".join(parts), role="img", aria_label=label, viewBox=box, width=width, height=height, **attributes
    )


def ticks(longest: float, at_most: int = 6) -> list[float]:
    """Round numbers from 0 up to a number, evenly apart."""
    if longest <= 0:
        return [0.0]
    rough = longest / at_most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    return [round(number * step, 10) for number in range(int(longest / step + 1e-9) + 1)]


def width_of(words: str, size: float) -> float:
    """About how wide words are, in pixels."""
    return LETTER * size * len(words)


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{round(value, 1):g}"
