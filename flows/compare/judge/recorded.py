"""Reads recorded comparisons, judges them again, and combines their columns with those observed here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from flows.compare.judge.judgement import judged, judged_again
from flows.compare.record.comparison import Comparison
from flows.compare.record.from_2 import converted
from shared.run.errors import TerminalError
from shared.run.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flows.compare.record.comparison import Column, Scenario

KINDS = ("product", "stand_in", "reruns", "slots", "ours")  # what a column is, wherever it is observed


def read_recorded(path: Path, option: str) -> Comparison:
    """Read a compare.json and derive its verdicts from its evidence again.

    Args:
        path: The file.
        option: The option that named it, for messages.

    Raises:
        TerminalError: The file is missing, or is not a comparison.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TerminalError(f"{option} {path} cannot be read: {error}") from error
    try:
        return judged_again(comparison_of(_printable(content)))
    except Exception as error:  # whatever a file holds, from times without a zone to numbers without an end
        raise TerminalError(f"{option} {path} is not a comparison: {_first(error)}; record it again") from error


def comparison_of(content: Any) -> Comparison:  # noqa: ANN401 — any JSON
    """Return the comparison of a file, of this version or of 0.2; a ValueError if it is not one."""
    match content:
        case {"schema": 2}:
            return converted(content)
        case {"schema": 3}:
            return Comparison.model_validate(content)
    raise ValueError("it has no schema of version 2 or 3")


def combined(comparison: Comparison, others: Iterable[tuple[str, Comparison]]) -> Comparison:
    """Add the columns of other comparisons to a comparison.

    A column whose name is taken is shown with the day it was recorded, as ``local 2026-11-23``. What a column is, and
    what a scenario breaks, is said here where it is known here; the verdicts follow from that. From columns of another
    job or policy nothing is concluded.

    Args:
        comparison: The comparison that was made here.
        others: Recorded comparisons, each with the name of its file.
    """
    for file, other in others:
        comparison = _with(comparison, file, other)
    return comparison


def _with(comparison: Comparison, file: str, other: Comparison) -> Comparison:
    names, apart = _names(comparison, other), _apart(comparison, other)
    columns = {
        names[name]: _as_known(each, comparison.columns.get(name)).model_copy(
            update={"recorded_in": file, "apart": apart}
        )
        for name, each in other.columns.items()
    }
    scenarios = _scenarios(comparison, other, names)
    cells = tuple(cell.model_copy(update={"column": names[cell.column]}) for cell in other.cells)
    if not apart:
        cells = tuple(judged(cell, scenarios[cell.scenario], columns[cell.column]) for cell in cells)
    return comparison.model_copy(
        update={
            "products": comparison.products | other.products | comparison.products,
            "columns": comparison.columns | columns,
            "scenarios": scenarios,
            "cells": comparison.cells + cells,
        }
    )


def _as_known(there: Column, here: Column | None) -> Column:
    """A column with what it is as this version describes it, where it has one of that name."""
    return there.model_copy(update={name: getattr(here, name) for name in KINDS}) if here else there


def _apart(comparison: Comparison, other: Comparison) -> str:
    """Return why no conclusions use another comparison's columns; empty if job and policy are the same."""
    here, there = comparison.subject, other.subject
    return "; ".join(
        f"{what} is {there[what]} there, and {here[what]} here" for what in here if here[what] != there[what]
    )


def _scenarios(comparison: Comparison, other: Comparison, names: dict[str, str]) -> dict[str, Scenario]:
    """Return all scenarios, with the expected results of recorded columns."""
    found = comparison.scenarios | {n: each for n, each in other.scenarios.items() if n not in comparison.scenarios}
    for name, scenario in other.scenarios.items():
        theirs = {names[column]: each for column, each in scenario.expected.items() if column in names}
        own = found[name].expected if name in comparison.scenarios else {}
        found[name] = found[name].model_copy(update={"expected": own | theirs})
    return found


def _names(comparison: Comparison, other: Comparison) -> dict[str, str]:
    """Return names for recorded columns; a column that was not observed here gives up its name."""
    taken = {name for name, column in comparison.columns.items() if not column.not_observed}
    names = {}
    for name in other.columns:
        dated = f"{name} {other.made_at:%Y-%m-%d}"
        free = (f"{dated} {number}" for number in range(2, len(taken) + 3))
        names[name] = next(each for each in (name, dated, *free) if each not in taken)
        taken.add(names[name])
    return names


def _printable(content: Any) -> Any:  # noqa: ANN401 — any JSON
    """The same with nothing in it that a terminal obeys, also in names."""
    match content:
        case str():
            return printable(content)
        case list():
            return [_printable(each) for each in content]
        case dict():
            return {printable(name): _printable(each) for name, each in content.items()}
    return content


def _first(error: Exception) -> str:
    """Where it is not of the schema, in words."""
    if not isinstance(error, ValidationError):
        return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    problem = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"[:300]
