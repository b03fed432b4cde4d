"""Text from files as people may see it: what does not print, such as ESC or a byte order mark, is written out."""

from __future__ import annotations


def printable(text: str, keep: str = "\n\t") -> str:
    r"""A text whose unprintable characters are escapes as Python writes them: ``\x1b``, ``\ufeff``, ``\udc80``.

    Args:
        text: Anything, such as a cell of a file or a message that quotes one.
        keep: Unprintable characters that stay; none for a text that must be one line.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else _escape(each) for each in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
