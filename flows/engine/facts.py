"""Facts about an engine: hints on a policy, promises of its documentation, limits of its stand-in."""

from __future__ import annotations

from dataclasses import dataclass

from flows.engine.verdicts import Verdict  # noqa: TC001 — pydantic reads the annotations


@dataclass(frozen=True)
class Hint:
    """One hint on a policy.

    Attributes:
        engine: An engine's name, or ``all``.
        level: ``warning`` if the policy should be changed, else ``note``.
        rule: The short name of the hint.
        message: The hint as a sentence.
    """

    engine: str
    level: str
    rule: str
    message: str


@dataclass(frozen=True)
class Promise:
    """One promise of a product's documentation.

    Attributes:
        scenarios: The scenarios that show whether it is kept.
        says: The promise in our words.
        page: The address of the page.
        as_of: The date when the page was read.
        kept: The verdicts that keep the promise.
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
        title: The title of the section.
        head: The column heads.
        rows: The rows, each as long as the head.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
