"""Writes SVG text: elements with escaped text, and round numbers for an axis."""

from __future__ import annotations

import math
from html import escape

LETTER = 0.55  # average width of a letter, as a share of the font size


def element(name: str, content: str = "", /, **attributes: str | float) -> str:
    """Return an element. ``_`` in an attribute's name becomes ``-``, and numbers are rounded to a tenth.

    Args:
        name: The element's name.
        content: Elements, or escaped text.
        attributes: Attributes; their values are escaped here.
    """
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return f"<{name}{said}>{content}</{name}>" if content else f"<{name}{said}/>"


def text(x: float, y: float, words: str, **attributes: str | float) -> str:
    """Return a text; ``text_anchor`` says which end is at x."""
    return element("text", escape(words), x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: str | float) -> str:
    """Return a line between two points."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def rect(x: float, y: float, width: float, height: float, title: str = "", **attributes: str | float) -> str:
    """Return a rectangle; its title is shown on hover."""
    words = element("title", escape(title)) if title else ""
    return element("rect", words, x=x, y=y, width=width, height=height, **attributes)


def picture(width: float, height: float, label: str, parts: list[str], **attributes: str | float) -> str:
    """Return the whole picture; the label describes it for screen readers."""
    box = f"0 0 {_value(width)} {_value(height)}"
    return element(
        "svg", "".join(parts), role="img", aria_label=label, viewBox=box, width=width, height=height, **attributes
    )


def ticks(longest: float, at_most: int = 6) -> list[float]:
    """Return round numbers from 0 up to a maximum, evenly spaced."""
    if longest <= 0:
        return [0.0]
    rough = longest / at_most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    return [round(number * step, 10) for number in range(int(longest / step + 1e-9) + 1)]


def width_of(words: str, size: float) -> float:
    """Return the approximate width of a text in pixels."""
    return LETTER * size * len(words)


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{round(value, 1):g}"
