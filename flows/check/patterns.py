"""The unsafe patterns that the guide describes: how each is recognised, and in one sentence how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.check.calls import source_lines
from flows.check.experiments import Kind
from flows.check.trials import Verdict
from shared.state.difference import Kind as Wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flows.check.findings import Found
    from shared.state.difference import Difference

GUIDE = "flows/check/README.md"
NEAR = 3  # lines before the place, in which a lock is looked for


@dataclass(frozen=True)
class Pattern:
    """An unsafe pattern.

    Attributes:
        name: The heading in the guide.
        advice: How to fix it.
    """

    name: str
    advice: str

    @property
    def link(self) -> str:
        """Return the address of the guide's section."""
        return f"{GUIDE}#{self.name.lower().replace(' ', '-')}"


LOCK = Pattern("leftover lock file", "Take a lock that the system releases when the process dies, such as flock.")
TEMPORARY = Pattern(
    "leftover temporary file", "Give the temporary file a fixed name, so that the next attempt replaces it."
)
KEY = Pattern(
    "key that contains the attempt or the time",
    "Make the key of what the work is about, such as the order and the day, so that a second attempt has the same one.",
)
MARKER = Pattern(
    "marker before effect", "Write the marker after the effect or, better, in the same transaction as the effect."
)
CHECK_THEN_ACT = Pattern(
    "check then act", "Let the write itself decide, by a unique key with `on conflict do nothing`, or hold a lock."
)
COUNTER = Pattern(
    "read modify write", "Store what is counted under a key and count it when reading, or update in one transaction."
)
APPEND = Pattern("append", "Write the whole file under another name and rename it, or check what exists.")
INSERT = Pattern("insert without a key", "Give the row a unique key and insert with `on conflict do nothing`.")
ALL = (LOCK, TEMPORARY, KEY, MARKER, CHECK_THEN_ACT, COUNTER, APPEND, INSERT)


def pattern_of(found: Found, keys: Mapping[str, Iterable[str]], varying: Iterable[str]) -> Pattern | None:
    """Return the pattern of a finding; None if no pattern matches.

    Args:
        found: The finding.
        keys: The key columns of each table.
        varying: Values that were left out of the comparison, as ``table: column``.
    """
    if found.verdict is Verdict.DOES_NOT_RECOVER:
        return LOCK if _mentions(found, "lock", "O_EXCL", "FileExistsError") else None
    if found.verdict is not Verdict.UNSAFE:
        return None
    left_out = list(varying)

    def varying_key(table: str) -> bool:
        return any(f"{table}: {column}" in each for column in keys.get(table, ()) for each in left_out)

    kinds = {trial.experiment.kind for trial in found.trials}
    differences = found.first.differences
    wrong = {each.kind for each in differences}
    tests: list[tuple[Pattern, Callable[[], bool]]] = [
        (MARKER, lambda: wrong <= {Wrong.MISSING, Wrong.NO_TABLE} and kinds != {Kind.OVERLAP}),
        (KEY, lambda: any(each.kind is Wrong.NEW_TABLE and each.table.endswith(")") for each in differences)),
        (KEY, lambda: wrong == {Wrong.NEW_TABLE, Wrong.NO_TABLE}),
        (TEMPORARY, lambda: wrong == {Wrong.NEW_TABLE}),
        (KEY, lambda: any(varying_key(each.table) for each in differences)),
        (CHECK_THEN_ACT, lambda: kinds == {Kind.OVERLAP}),
        (KEY, lambda: wrong == {Wrong.CHANGED} and any(_key_changed(each, keys) for each in differences)),
        (COUNTER, lambda: wrong == {Wrong.CHANGED}),
        (INSERT, lambda: any(each.kind is Wrong.DUPLICATE and not each.ordered for each in differences)),
        (APPEND, lambda: any(each.ordered for each in differences)),
        (KEY, lambda: Wrong.EXTRA in wrong),
    ]
    return next((pattern for pattern, fits in tests if fits()), None)


def _key_changed(difference: Difference, keys: Mapping[str, Iterable[str]]) -> bool:
    return any(f": {column} is " in difference.text for column in keys.get(difference.table, ()))


def _mentions(found: Found, *words: str) -> bool:
    texts = [found.first.message]
    place, before = found.first.experiment.place, found.first.experiment.before
    for file, line in [(place.file, place.line) if place else ("", 0), before or ("", 0)]:
        if file and line > 0:
            texts += source_lines(file)[max(0, line - NEAR - 1) : line]
    return any(word in text for word in words for text in texts)
