"""Finds the tasks and flows that a flow can reach: in its modules, and in the closures of its functions."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import Flow, Task

from shared.tracing.own_code import is_library

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

AnyTask = Task[..., Any]
AnyFlow = Flow[..., Any]


def reachable(flow: AnyFlow) -> tuple[dict[str, list[AnyTask]], list[AnyFlow]]:
    """Return the tasks by name, and the flows, the given one first.

    Tasks of one function, such as a task and a copy from ``with_options``, share a name. If tasks of different
    functions have the same name, the file is added.
    """
    seen: dict[int, Any] = {}
    _collect([flow], seen)
    _collect([value for module in _own_modules() for value in vars(module).values()], seen)
    tasks = [each for each in seen.values() if isinstance(each, Task)]
    flows = [each for each in seen.values() if isinstance(each, Flow)]
    return _named(tasks), flows


def _own_modules() -> Iterator[Any]:
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and not is_library(str(file)):
            yield module


def _collect(values: Iterable[object], seen: dict[int, Any]) -> None:
    """Add the tasks and flows among values, in containers and closures."""
    for value in values:
        if id(value) in seen:
            continue
        if isinstance(value, Task | Flow):
            seen[id(value)] = value
            _collect(_enclosed(value.fn), seen)
        elif isinstance(value, dict):
            _collect([each for each in value.values() if isinstance(each, Task | Flow)], seen)
        elif isinstance(value, list | tuple | set | frozenset):
            _collect([each for each in value if isinstance(each, Task | Flow)], seen)
        elif isinstance(value, type) and not is_library(
            getattr(sys.modules.get(value.__module__), "__file__", "") or ""
        ):
            _collect([each for each in vars(value).values() if isinstance(each, Task | Flow)], seen)


def _enclosed(function: Any) -> list[object]:  # noqa: ANN401 — of any kind
    cells = getattr(function, "__closure__", None) or ()
    return [cell.cell_contents for cell in cells if cell != type(cell)()]


def _named(tasks: list[AnyTask]) -> dict[str, list[AnyTask]]:
    functions: dict[int, list[AnyTask]] = {}
    for task in tasks:
        functions.setdefault(id(task.fn), []).append(task)
    names = Counter(each[0].name for each in functions.values())
    named: dict[str, list[AnyTask]] = {}
    for each in functions.values():
        name = each[0].name
        named[name if names[name] == 1 else f"{name} ({_place(each[0])})"] = each
    return named


def _place(task: AnyTask) -> str:
    code = inspect.unwrap(task.fn).__code__
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"
