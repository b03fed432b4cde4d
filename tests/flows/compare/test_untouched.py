"""A tool that judges does not modify what it judges: our code assigns no attribute of a library's."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tests.test_imports import MODULES

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = {"flows", "shared", "__future__"}
SETTINGS = {"os.environ", "sys.path", "sys.argv", "tempfile.tempdir"}  # of a process, documented as settable
SETTERS = {"setattr", "delattr"}
# Python has no other way to tell workers not to import the main module; the file says why, and is tested.
KNOWN = {"shared.isolation.main_module"}


def assigned(source: str) -> Iterator[str]:
    """Attributes of imported names that are not ours, and that a module assigns, deletes or sets by name."""
    tree = ast.parse(source)
    theirs = dict(_imported(tree))
    for node in ast.walk(tree):
        for target in _targets(node):
            known = ast.unparse(target) in SETTINGS
            if isinstance(target, ast.Attribute) and _root(target) in theirs and not known:
                yield f"{theirs[_root(target)]}: {ast.unparse(target)}"
        match node:
            case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in SETTERS and _root(first) in theirs:
                yield f"{theirs[_root(first)]}: {ast.unparse(node)}"


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.asname or each.name.partition(".")[0], each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] not in OURS:
            yield from ((each.asname or each.name, f"{node.module}.{each.name}") for each in node.names)


def _targets(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return [each for target in targets for each in getattr(target, "elts", [target])]
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [target]
    return []


def _root(node: ast.expr) -> str:
    """The name that an expression like ``a.b[c].d`` begins with; empty where it begins with none."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def test_no_attribute_of_a_library_is_assigned() -> None:
    """In no module, so in no process that a column runs in."""
    found = {name: list(assigned(path.read_text())) for name, path in MODULES.items() if name not in KNOWN}
    assert {name: said for name, said in found.items() if said} == {}


def test_what_is_assigned_is_noticed() -> None:
    """In each form, also below an alias and in a tuple; what is ours, or a value of our own, is none of a library."""
    lies = (
        "import prefect.tasks as t\nfrom prefect import flow\nt.Task.retries = 1\na, flow.fn = 1, 2\nsetattr(t, 'x', 1)"
    )
    assert len(list(assigned(lies))) == 3
    assert list(assigned("from shared import x\nx.y = 1\nself.z = 2\nimport os\nos.environ['A'] = 'b'")) == []
