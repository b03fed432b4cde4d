from __future__ import annotations

from collections import Counter

import pytest

from flows.check.experiments import NEW_RUN, WHOLE, Experiment, Kind, limit

PLANNED = [
    *(Experiment(kind, task, position=line, telling=line != 1) for kind in Kind for task in "ab" for line in range(20)),
    Experiment(Kind.REPEAT, WHOLE, again=NEW_RUN),
]


@pytest.mark.parametrize(
    ("most", "shares"),
    [
        (1, {Kind.CRASH: 1}),
        (8, {Kind.CRASH: 4, Kind.ERROR: 1, Kind.OVERLAP: 1, Kind.REPEAT: 1, Kind.ORCHESTRATOR: 1}),
        (100, {Kind.CRASH: 40, Kind.ERROR: 15, Kind.OVERLAP: 15, Kind.REPEAT: 15, Kind.ORCHESTRATOR: 15}),
        (500, dict.fromkeys(Kind, 40) | {Kind.REPEAT: 41}),
    ],
)
def test_every_kind_has_a_share(most: int, shares: dict[Kind, int]) -> None:
    """Half of what may be tried is crashes; what a kind does not need, others get."""
    chosen = limit(PLANNED, most, 0)
    assert Counter(each.kind for each in chosen) == shares
    assert [each.kind for each in chosen] == sorted((each.kind for each in chosen), key=list(Kind).index)


def test_every_task_has_a_share_and_effects_come_first() -> None:
    """The first lines of each task, those that call nothing at last; another seed is another order of the same."""
    first, second = (limit([each for each in PLANNED if each.kind is Kind.REPEAT], 5, seed) for seed in (0, 1))
    assert {(each.task, each.position) for each in first} == {(WHOLE, 0), ("a", 0), ("b", 0), ("a", 2), ("b", 2)}
    assert set(first) == set(second)
    assert first != second
