"""Comparisons that were recorded elsewhere: read, checked, and shown beside the columns that ran here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flows.compare.report.schema import first_problem
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]


def read_recorded(path: Path, option: str) -> Json:
    """The content of a compare.json.

    Args:
        path: The file.
        option: That named it, for messages.

    Raises:
        TerminalError: There is none, or it is not of this version's schema.
    """
    try:
        content: Json = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TerminalError(f"{option} {path} cannot be read: {error}") from error
    if problem := first_problem(content):
        raise TerminalError(f"{option} {path} is no comparison of this version: {problem}; record it again")
    return content


def combined(content: Json, others: dict[str, Json]) -> Json:
    """A comparison with the columns of others beside its own.

    A column whose name is taken is shown with the day it was recorded, as ``prefect 2026-11-23``.

    Args:
        content: Of the comparison made here.
        others: Recorded ones, by the name of their file.
    """
    for name, other in others.items():
        content = _with(content, name, other)
    return content


def _with(content: Json, file: str, other: Json) -> Json:
    names = {column: _free(content, column, other) for column in other["columns"]}
    columns = {names[column]: about | {"recorded_in": file} for column, about in other["columns"].items()}
    cells = [cell | {"column": names[cell["column"]]} for cell in other["cells"]]
    return content | {
        "columns": content["columns"] | columns,
        "scenarios": content["scenarios"] | _more(other["scenarios"], content["scenarios"]),
        "cells": content["cells"] + cells,
    }


def _free(content: Json, column: str, other: Json) -> str:
    """A name for a column that was recorded elsewhere; one that was not observed here makes room."""
    taken = content["columns"].get(column)
    return column if taken is None or taken["not_observed"] else f"{column} {other['made_at'][:10]}"


def _more(found: Json, known: Json) -> Json:
    return {name: each for name, each in found.items() if name not in known}
