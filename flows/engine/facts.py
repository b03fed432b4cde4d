"""What an engine says of itself: hints on a policy, promises of its documentation, what a stand-in cannot show."""

from __future__ import annotations

from dataclasses import dataclass

from flows.engine.verdicts import Verdict  # noqa: TC001 — pydantic reads the annotations


@dataclass(frozen=True)
class Hint:
    """One thing to know of a policy.

    Attributes:
        engine: The name of one, or ``all``.
        level: ``warning`` where the policy should be changed, ``note`` where it should be known.
        rule: Its short name.
        message: The sentence.
    """

    engine: str
    level: str
    rule: str
    message: str


@dataclass(frozen=True)
class Promise:
    """One promise of a product's documentation.

    Attributes:
        scenarios: That show whether it is kept.
        says: In our words.
        page: Where.
        as_of: When it was read.
        kept: The verdicts that keep it.
    """

    scenarios: tuple[str, ...]
    says: str
    page: str
    as_of: str
    kept: frozenset[Verdict]


@dataclass(frozen=True)
class Table:
    """Rows of text under a title.

    Attributes:
        title: Of the section that shows it.
        head: Above the columns.
        rows: Each as long as the head.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
