from __future__ import annotations

import pytest

from flows.check.allowing import Allowed
from flows.check.experiments import Kind
from flows.check.record import Finding
from flows.check.trials import Verdict


def finding(*kinds: Kind) -> Finding:
    """Something unsafe in a task."""
    return Finding(
        verdict=Verdict.UNSAFE,
        task="load",
        file="etl.py",
        line=41,
        before_line=39,
        kinds=kinds,
        text="",
        pattern="",
        advice="",
        lines=(41, 42),
        allowed=False,
    )


@pytest.mark.parametrize(
    ("texts", "allowed"),
    [
        (["etl.py:41"], True),
        (["etl.py:39"], True),
        (["etl.py:42"], False),
        (["other.py:41"], False),
        (["load"], True),
        (["loa"], False),
        (["crash"], False),
        (["crash", "load/error"], True),
        (["unsafe"], True),
        (["not-reached"], False),
        ([], False),
    ],
)
def test_what_allows_a_finding(texts: list[str], *, allowed: bool) -> None:
    """Its lines, its task, its verdict, or all of its kinds, of this task or of any."""
    assert Allowed(tuple(texts)).includes(finding(Kind.CRASH, Kind.ERROR)) is allowed


def test_tasks_out_of_reach_are_allowed_by_a_word() -> None:
    """Nothing else allows them."""
    assert Allowed(("not-checked",)).not_checked
    assert not Allowed(("load",)).not_checked
