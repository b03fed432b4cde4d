"""Names of flow runs: whether a person chose one, or Prefect made it up."""

from __future__ import annotations

from functools import cache
from typing import Any

from coolname.data import config

WORDS: Any = config  # what Prefect takes them from


def is_generated(name: str) -> bool:
    """Whether Prefect made up a name, such as ``quiet-gopher``: an adjective and a noun of its lists."""
    first, _, second = name.partition("-")
    adjectives, nouns = WORDS["an"]["lists"]
    return first in _words(adjectives) and second in _words(nouns)


@cache
def _words(group: str) -> frozenset[str]:
    """The words of a list, or of the lists that it is made of."""
    entry = WORDS[group]
    return frozenset(entry.get("words", ())).union(*map(_words, entry.get("lists", ())))
