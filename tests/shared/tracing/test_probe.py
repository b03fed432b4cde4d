from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from shared.tracing.followed import InjectedError
from shared.tracing.plan import END, ENTRY, Action
from tests.shared.tracing import followed_functions as functions
from tests.shared.tracing.following import Following, line_of, status_of

if TYPE_CHECKING:
    from pathlib import Path

ADD, TOTAL, RETURN, HELP = (
    line_of(text) for text in ("total += helper", "total = 0", "return total", "return number + 1")
)


@pytest.fixture
def following(tmp_path: Path) -> Following:
    """An empty folder in which functions are followed."""
    return Following(tmp_path)


def collected(function: Any, *arguments: Any) -> Any:
    """What a function of any kind gives."""
    made = function(*arguments)
    if hasattr(made, "__aiter__"):

        async def collect() -> list[Any]:
            return [each async for each in made]

        return asyncio.run(collect())
    if inspect.iscoroutine(made):
        return asyncio.run(made)
    return list(made) if hasattr(made, "__next__") else made


@pytest.mark.parametrize(
    ("name", "argument", "result"),
    [
        ("plain", [1, 2, 3], 9),
        ("coroutine", 1, 2),
        ("generator", 3, [1, 2, 3]),
        ("async_generator", 3, [1, 2, 3]),
    ],
)
def test_a_followed_function_does_what_it_did(following: Following, name: str, argument: Any, result: Any) -> None:
    """Functions of every kind give the same, and the lines of the function and of its helper are recorded."""
    wrapped = following.probe.wrap(name, getattr(functions, name))
    given: list[Any] = []
    [record] = following.record(lambda: given.append(collected(wrapped, argument)))
    assert given == [result]
    assert wrapped.__name__ == name
    assert {line.function for line in record.lines} == {name, "helper"}


def test_lines_are_recorded_with_their_visits_and_neighbours(following: Following) -> None:
    """Each line has the number of its visits, their positions, and the line before the first and the last of them."""
    wrapped = following.probe.wrap("sum", functions.plain)
    [record] = following.record(lambda: wrapped([1, 2, 3]))
    lines = {line.line: line for line in record.lines}
    assert lines[TOTAL].before_first is None
    assert (lines[ADD].visits, lines[HELP].visits, lines[RETURN].visits) == (3, 3, 1)
    assert lines[HELP].before_first == (lines[HELP].file, ADD)
    assert lines[RETURN].first == max(line.last for line in record.lines)


def test_lines_of_libraries_and_of_modules_are_not_recorded(following: Following) -> None:
    """Only the job's own functions count, also where a library calls them."""
    wrapped = following.probe.wrap("sorted", lambda: sorted([2, 1], key=functions.helper))
    following.probe.wrap("other", functions.plain)
    [record] = following.record(wrapped)
    assert {line.function for line in record.lines} == {"<lambda>", "helper"}


def test_runs_are_told_apart_by_their_arguments(following: Following) -> None:
    """Runs with the same arguments share a key and have a number; objects without a text of their own are alike."""
    wrapped = following.probe.wrap("sum", lambda *_: None)
    records = following.record(lambda: [wrapped([1]), wrapped([2]), wrapped([1]), wrapped(object()), wrapped(object())])
    keys = [record.key for record in records]
    assert keys[0] == keys[2] != keys[1]
    assert keys[3] == keys[4]
    assert [record.start for record in records] == [1, 1, 2, 1, 2]
    assert [record.order for record in records] == [1, 2, 3, 4, 5]


def test_a_crash_happens_before_the_planned_visit(following: Following) -> None:
    """The process is killed before that visit of that line, in that run, and evidence says so."""
    wrapped = following.probe.wrap("sum", functions.plain)
    records = following.record(lambda: [wrapped([1, 2, 3]), wrapped([4, 5, 6])])
    following.plan(Action.CRASH, records[1], ADD, visit=3)
    done = following.folder / "done"
    status = status_of(lambda: [wrapped([1, 2, 3]), done.write_text("done"), wrapped([4, 5, 6])])
    evidence = following.evidence()
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert done.exists()
    assert evidence is not None
    assert (evidence.place.line, evidence.place.visit, evidence.function) == (ADD, 3, "plain")
    assert evidence.line == line_of("for number in numbers")


@pytest.mark.parametrize("line", [ENTRY, END])
def test_a_crash_before_and_after_all_lines(following: Following, line: int) -> None:
    """It happens before the function begins, or when its work is done and nobody knows."""
    wrapped = following.probe.wrap("take", functions.takes_last)
    [record] = following.record(lambda: wrapped([1]))
    following.plan(Action.CRASH, record, line)
    mark = following.folder / "work"

    def work() -> None:
        mark.touch()

    followed = following.probe.wrap("take", lambda _: work())
    assert os.WTERMSIG(status_of(lambda: followed([1]))) == signal.SIGKILL
    assert mark.exists() == (line == END)


def test_an_error_is_raised_at_the_line(following: Following) -> None:
    """The code's own handlers see it; it happens once, so that a retry succeeds."""
    wrapped = following.probe.wrap("handle", functions.handles)
    [record] = following.record(lambda: wrapped([1]))
    following.plan(Action.ERROR, record, HELP)
    assert wrapped([1]) == "timed out"
    assert wrapped([1]) == "done"
    plain = following.probe.wrap("sum", functions.plain)
    [record] = following.record(lambda: plain([1]))
    following.plan(Action.ERROR, record, ADD)
    with pytest.raises(InjectedError) as error:
        plain([1])
    assert isinstance(error.value, ConnectionError)
    assert sys.gettrace() is None


def test_a_pause_stops_the_whole_process(following: Following) -> None:
    """The process is stopped, by itself, and evidence names it."""
    wrapped = following.probe.wrap("sum", functions.plain)
    [record] = following.record(lambda: wrapped([1]))
    following.plan(Action.PAUSE, record, ADD)
    assert os.WIFSTOPPED(status_of(lambda: wrapped([1])))
    assert following.evidence() is not None


def test_finished_work_is_delivered_again_with_its_own_arguments(following: Following) -> None:
    """The second call gets what the first one got, though the first one changed it."""
    wrapped = following.probe.wrap("take", functions.takes_last)
    [record] = following.record(lambda: wrapped([1, 2]))
    following.plan(Action.TWICE, record, END)
    assert wrapped([1, 2]) == 2
    assert following.evidence() is not None


@pytest.mark.parametrize("name", ["generator", "async_generator"])
def test_a_finished_generator_is_delivered_again(following: Following, name: str) -> None:
    """All of it runs once more, and the caller gets what it yielded first."""
    wrapped = following.probe.wrap(name, getattr(functions, name))
    [record] = following.record(lambda: collected(wrapped, 3))
    following.plan(Action.TWICE, record, END)
    functions.COUNTED.clear()
    assert collected(wrapped, 3) == [1, 2, 3]
    assert functions.COUNTED == [0, 1, 2] * 2


@pytest.mark.parametrize(("by_order", "happens"), [(False, False), (True, True)])
def test_runs_may_be_told_apart_by_their_order(following: Following, *, by_order: bool, happens: bool) -> None:
    """Where arguments differ from job to job, the place names the first, second, … run."""
    wrapped = following.probe.wrap("sum", functions.plain)
    [record] = following.record(lambda: wrapped([1]))
    following.plan(Action.ERROR, record, ADD, by_order=by_order)
    if happens:
        with pytest.raises(InjectedError):
            wrapped([2])
    else:
        wrapped([2])
    assert (following.evidence() is not None) == happens


def test_coroutines_that_run_at_once_are_told_apart(following: Following) -> None:
    """Of two coroutines in one thread only the one of the plan fails."""
    wrapped = following.probe.wrap("wait", functions.coroutine)

    async def both() -> Any:
        return await asyncio.gather(wrapped(1), wrapped(2), return_exceptions=True)

    records = following.record(lambda: asyncio.run(both()))
    assert all({line.function for line in record.lines} == {"coroutine", "helper"} for record in records)
    following.plan(Action.ERROR, records[1], HELP)
    first, second = asyncio.run(both())
    assert first == 2
    assert isinstance(second, InjectedError)


def test_what_is_out_of_sight_is_noted(following: Following) -> None:
    """Own functions in other threads, other processes and a replaced trace function are named with their lines."""
    calls = [functions.starts_thread, functions.starts_process, functions.sets_trace]
    wrapped = [following.probe.wrap(call.__name__, call) for call in calls]

    def call_all() -> None:
        following.record(lambda: [call() for call in wrapped])

    assert status_of(call_all) == 0  # in a fork, because an audit hook cannot be removed
    notes = "\n".join(following.notes())
    assert "helper (followed_functions.py:" in notes
    assert "runs in a thread that the job starts" in notes
    assert f"followed_functions.py:{line_of('subprocess.run')} starts a process" in notes
    assert "sets_trace calls sys.settrace itself" in notes


def test_what_runs_between_tasks_is_followed_too(following: Following) -> None:
    """A block that calls a task has its own lines, and none of the task's."""
    task = following.probe.wrap("sum", functions.plain)
    following.probe.wrap("own", functions.helper)

    def body() -> None:
        functions.helper(1)
        task([1])

    def orchestrate() -> None:
        with following.probe.follow_orchestrator("nightly") as followed, followed.active():
            body()

    records = {record.task: record for record in following.record(orchestrate)}
    assert records["nightly"].role == "orchestrator"
    assert {line.function for line in records["nightly"].lines} == {"body", "helper"}
    assert {line.function for line in records["sum"].lines} == {"plain", "helper"}
