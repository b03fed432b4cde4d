"""Text that a pipeline, an engine or an error may have written, as Markdown that shows it and obeys none of it."""

from __future__ import annotations

import re

from shared.run.printable import printable

_SPECIAL = re.compile(r"([\\`*\[\]<>|#~!&]|(?<!\w)_|_(?!\w))")
_FENCE = 3  # backticks around a block, at least


def plain(text: str) -> str:
    """On one line."""
    return _SPECIAL.sub(r"\\\1", _one_line(text))


def cell(text: str) -> str:
    """As a cell of a table, its lines kept."""
    return "<br>".join(plain(line) for line in text.splitlines())


def code(text: str) -> str:
    """As code on one line, also in a cell of a table."""
    shown = _one_line(text)
    fence = "`" * (_longest(shown) + 1)
    room = " " if shown[:1] == "`" or shown[-1:] == "`" else ""
    return f"{fence}{room}{shown}{room}{fence}".replace("|", r"\|")


def block(text: str) -> str:
    """As a block of code, its lines kept."""
    shown = printable(text)
    fence = "`" * max(_FENCE, _longest(shown) + 1)
    return f"{fence}\n{shown}\n{fence}"


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()), keep="")


def _longest(text: str) -> int:
    """The length of the longest run of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)
