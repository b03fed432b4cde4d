"""One name per concept: no class and no file is called as another is, except where both are the same of two things."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING

from tests.test_imports import MODULES, within

if TYPE_CHECKING:
    from collections.abc import Iterable

# Folders whose files of one name are the same part: of an engine, of a report, of a record.
ALIKE = (
    ("flows.engine", "flows.on_prefect", "flows.on_render", "flows.local"),
    ("flows.check", "flows.compare"),
    ("flows.commands", "shared", "flows.on_prefect.run", "flows.on_render.run"),  # a command, and what it runs
)
# What retry safety is checked by has words of its own: of functions and moments in code, of states and trials.
CHECK = ("flows.check", "shared.state", "shared.tracing")
CLASSES = {
    "Column": "what an engine declares, and what compare.json keeps of it",
    "Scenario": "the same",
    "Reference": "the run that a comparison measures by, and what compare.json keeps of it",
    "Worker": "a warm process, and Prefect's own of a work pool",
}
FILES = {
    "connection": "to Render, and to DuckDB",
    "console": "each server's output",
    "errors": "those that are raised, and the scenarios of them",
    "expectations": "by the policy, and of Prefect's columns",
    "files": "of a cell, of sources, of a state",
    "limits": "of a comparison's cells, and of Render's cloud",
    "options": "of commands, and of a comparison",
    "record": "what is written down of a run, an engine's start, a check, a trace",
    "server": "Prefect's, and the one that workers are forked from",
    "timeline": "as drawn, and in Prefect's UI",
    "verdicts": "the names, and how they are found",
    "worker": "a warm process, and Prefect's own of a work pool",
}


def twice(named: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The modules that a name is given in, where they are several."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, module in named:
        found[name].append(module)
    return {name: modules for name, modules in found.items() if len(modules) > 1}


def same_part(modules: list[str]) -> bool:
    """Whether all are the same part of things that are alike."""
    return any(all(any(within(module, each) for each in alike) for module in modules) for alike in ALIKE)


def of_checks(modules: list[str]) -> bool:
    """Whether all but one are of the checks of retry safety."""
    return sum(not any(within(module, each) for each in CHECK) for module in modules) <= 1


def test_no_class_is_called_as_another() -> None:
    """A reader who meets a name in two files meets one thing."""
    classes = (
        (node.name, module)
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    found = {name: modules for name, modules in twice(classes).items() if not of_checks(modules)}
    assert found.keys() <= CLASSES.keys(), found


def test_no_file_is_called_as_another() -> None:
    """The same for files."""
    modules = ((name, module) for module in MODULES if (name := module.rpartition(".")[2]) != "__main__")
    files = ((name, module) for name, module in modules if MODULES[module].stem == name)
    found = {name: modules for name, modules in twice(files).items() if not same_part(modules)}
    assert {name: modules for name, modules in found.items() if not of_checks(modules)}.keys() <= FILES.keys(), found


def test_a_name_that_is_given_twice_is_noticed() -> None:
    """Of two engines it is the same part; of two packages it is not."""
    assert twice([("Run", "a"), ("Run", "b"), ("Walk", "b")]) == {"Run": ["a", "b"]}
    assert same_part(["flows.on_prefect.engine", "flows.on_render.engine"])
    assert not same_part(["flows.on_prefect.store", "shared.run.store"])
    assert of_checks(["flows.check.findings", "shared.run.findings"])
    assert not of_checks(["flows.compare.store", "shared.run.store"])
