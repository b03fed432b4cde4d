from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest
from prefect import flow, task

from flows.on_prefect.target import _fitting
from flows.on_prefect.task_objects import reachable

if TYPE_CHECKING:
    from collections.abc import Callable


def wrapped(function: Callable[[], None]) -> Callable[[], None]:
    """What a check puts in a task's place."""

    @functools.wraps(function)
    def call() -> None:
        function()

    return call


def test_tasks_of_one_name_stay_distinct_when_they_are_followed() -> None:
    """Their names contain the line of the function itself, not that of what wraps it."""

    @task(name="same")
    def one() -> None:
        """The first one."""

    @task(name="same")
    def two() -> None:
        """The second one."""

    @flow
    def nightly() -> None:
        one()
        two()

    before, _ = reachable(nightly)
    names = [name for name in before if name.startswith("same (test_task_objects.py:")]
    assert len(names) == 2
    for each in (one, two):
        each.fn = wrapped(each.fn)
    after, _ = reachable(nightly)
    assert before.keys() == after.keys()


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        ("20261101", str, "20261101"),
        ("3", int, 3),
        ("[1, 2]", list[int], [1, 2]),
        ("2026-11-01", str, "2026-11-01"),
        ("true", bool, True),
        ("[1, 2]", object, [1, 2]),
        ("x", int, "x"),
    ],
)
def test_each_parameter_is_json_where_its_type_takes_it(text: str, hint: object, value: object) -> None:
    """Whatever the other parameters are; Prefect names the value that fits no type."""
    assert _fitting(text, hint) == value
