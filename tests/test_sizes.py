"""No file and no function of the product is too long to be read at once."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tests.test_imports import MODULES

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE, FUNCTION = 300, 50  # lines at most


def too_long(module: str, source: str) -> Iterator[str]:
    """The file, and its functions, that have more lines than they may."""
    if len(source.splitlines()) > FILE:
        yield module
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno
            if node.end_lineno - node.lineno >= FUNCTION:
                yield f"{module}.{node.name}"


def test_nothing_is_too_long() -> None:
    """What is, is split or made simpler."""
    assert {each for module, path in MODULES.items() for each in too_long(module, path.read_text())} == set()


def test_what_is_too_long_is_noticed() -> None:
    """A line more than there may be, in a file, in a function and in a method."""
    body = "\n".join(f"        x = {each}" for each in range(FUNCTION - 1))
    fits = f"class C:\n    def f(self):\n{body}"
    assert list(too_long("m", fits)) == []
    assert list(too_long("m", f"{fits}\n        y = 1")) == ["m.f"]
    assert list(too_long("m", "x = 1\n" * FILE)) == []
    assert list(too_long("m", "x = 1\n" * (FILE + 1))) == ["m"]
