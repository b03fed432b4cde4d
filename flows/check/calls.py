"""Finds the lines of a job's source that call other modules, where a job has its effects."""

from __future__ import annotations

import ast
import builtins
from functools import cache
from pathlib import Path

HARMLESS = {name for name in vars(builtins) if name not in {"open", "print", "exec", "eval", "__import__"}}


@cache
def source_lines(file: str) -> list[str]:
    """Return the text of each line of a file; empty if the file cannot be read."""
    try:
        return Path(file).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []


@cache
def calls_others(file: str) -> frozenset[int]:
    """Return the numbers of lines that call other modules; empty if the file cannot be read."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return frozenset()
    own = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in own | HARMLESS):
            found |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        elif isinstance(node, ast.With | ast.AsyncWith):  # what is entered there is left there
            found.add(node.lineno)
    return frozenset(found)
