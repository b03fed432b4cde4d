"""Names of flow runs: whether a person chose one, or Prefect made it up."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from coolname.data import config

WORDS: Any = config  # what Prefect's server takes its names from
GREEK = (
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|sigma|tau|upsilon|phi|chi|"
    "psi|omega"
)
# Such as chi834-vega-cluster or lambda5-aurigae, in the UI's form for a run. One in twenty is like beta-aurigae, which
# is left as it is: people write that, too.
OF_THE_FORM = re.compile(rf"({GREEK})(\d+(-[a-z0-9]+)+|(-[a-z0-9]+){{2,}})")


def is_generated(name: str) -> bool:
    """Whether Prefect made up a name: an adjective and a noun, such as ``quiet-gopher``, or what its form puts in."""
    first, _, second = name.partition("-")
    adjectives, nouns = WORDS["an"]["lists"]
    by_server = first in _words(adjectives) and second in _words(nouns)
    return by_server or OF_THE_FORM.fullmatch(name) is not None


@cache
def _words(group: str) -> frozenset[str]:
    """The words of a list, or of the lists that it is made of."""
    entry = WORDS[group]
    return frozenset(entry.get("words", ())).union(*map(_words, entry.get("lists", ())))
