"""Makes text from files safe to print: unprintable characters, such as ESC or a byte order mark, are escaped."""

from __future__ import annotations


def printable(text: str, keep: str = "\n\t") -> str:
    r"""Escape the unprintable characters of a text as Python does: ``\x1b``, ``\ufeff``, ``\udc80``.

    Args:
        text: Any text, such as a cell of a file or a message that quotes one.
        keep: Unprintable characters to keep; none if the text must be one line.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else _escape(each) for each in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
