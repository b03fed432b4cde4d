"""Reads the output of a run besides its shards as tables: its result, and what its pipeline publishes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.run.run import OWN_NAMES
from shared.state.contents import read_content
from shared.state.difference import differences
from shared.state.table import PLURALS, from_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.run import Run
    from shared.state.table import Cell, State, Table

Json = dict[str, Any]

RESULT = "result"
OF_THE_RUN = {"run_id", "engine", "output"}  # what names a run, and not what it found
OF_AN_ATTEMPT = {"elapsed_ms", "attempt", "invocation"}  # in the timings of its shards
_ABSENT = object()


def told_by(run: Run) -> State:
    """The result of a run, without what names the run, and the files that its pipeline publishes beside the output."""
    found = _named(
        RESULT, from_json({key: each for key, each in (run.result() or {}).items() if key not in OF_THE_RUN})
    )
    if timings := found.get(f"{RESULT}: shard_timings"):
        found[f"{RESULT}: shard_timings"] = timings.only(
            tuple(name for name in timings.columns if name not in OF_AN_ATTEMPT)
        )
    for name in run.store.names(run.name("")):
        if name not in OWN_NAMES:
            found |= _named(name, read_content(run.store.read(run.name(name)), Path(name).suffix))
    return found


def answer_differences(answer: Json, published: Json | None) -> list[str]:
    """Return the differences between the caller's answer and the stored result."""
    if published is None:
        return ["no result is published"]
    return [each.removeprefix(f"{RESULT}: ") for each in state_differences(_result(answer), _result(published))]


def state_differences(found: State, wanted: State) -> list[str]:
    """Return the differences of a state from the expected one, in words; values are shown only if they are numbers."""
    return [each for name in sorted(found.keys() | wanted.keys()) for each in _of_table(name, found, wanted)]


def _result(result: Json) -> State:
    return _named(RESULT, from_json(result))


def _named(file: str, tables: State) -> State:
    return {f"{file}: {name}" if name else file: table for name, table in tables.items()}


def _of_table(name: str, found: State, wanted: State) -> Iterator[str]:
    here, there = found.get(name), wanted.get(name)
    if here is None or there is None:
        yield f"{name} {_said(here or _ABSENT, there or _ABSENT)}"
    elif here.unit == there.unit == "value":
        yield from _of_values(name, here, there)
    else:
        for each in differences({name: _plain(there)}, {name: _plain(here)}):
            yield f"{name}: {each.count} {each.kind} {here.unit if each.count == 1 else PLURALS[here.unit]}"


def _of_values(name: str, found: Table, wanted: Table) -> Iterator[str]:
    here, there = (dict(zip(table.columns, *table.rows, strict=True)) for table in (found, wanted))
    for column in sorted(here.keys() | there.keys()):
        one, other = here.get(column, _ABSENT), there.get(column, _ABSENT)
        if one != other or isinstance(one, bool) is not isinstance(other, bool):
            yield f"{name}: {column} {_said(one, other)}"


def _plain(table: Table) -> Table:
    """A table whose rows are compared with nothing left to a database."""
    return replace(table, generated=())


def _said(here: object, there: Cell | object) -> str:
    if here is _ABSENT or there is _ABSENT:
        return "is missing" if here is _ABSENT else "should not be there"
    if all(isinstance(value, int | float) for value in (here, there)):
        return f"is {here}, expected {there}"
    return "differs"
