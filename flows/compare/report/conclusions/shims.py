"""What each engine's shim costs in lines of code: blank lines, comments and docstrings are not counted."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]
SHIMS = {
    "no orchestrator": ["flows/local.py"],
    "Prefect: flow and tasks": ["flows/prefect_flow.py", "flows/on_prefect/runners.py"],
    "Prefect: tables, timeline and progress in its UI": [
        "flows/on_prefect/artifacts.py",
        "flows/on_prefect/timeline.py",
    ],
    "Prefect: each shard in a process of its own": [
        "shared/isolation/pool.py",
        "shared/isolation/worker.py",
        "shared/isolation/fork_server.py",
        "shared/customers/preload.py",
    ],
    "Render: tasks": ["flows/render_tasks.py", "flows/on_render/wire.py"],
    "Render: the trigger": ["flows/on_render/trigger.py", "flows/on_render/api.py", "flows/on_render/follow.py"],
}
_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def shim_lines() -> list[dict[str, Any]]:
    """One row per shim, with its files and their lines."""
    return [_row(name, paths) for name, paths in SHIMS.items()]


def code_lines(source: str) -> int:
    """Lines of a Python source that hold code."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    held = {line for token in tokens if token.type not in _SILENT for line in range(token.start[0], token.end[0] + 1)}
    return len(held - _docstring_lines(ast.parse(source)))


def _row(name: str, paths: list[str]) -> dict[str, Any]:
    files = [{"path": path, "lines": code_lines((ROOT / path).read_text(encoding="utf-8"))} for path in paths]
    return {"engine": name, "files": files, "lines": sum(file["lines"] for file in files)}


def _docstring_lines(tree: ast.Module) -> set[int]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, documented) and ast.get_docstring(node)]
    return {line for body in bodies for line in range(body[0].lineno, (body[0].end_lineno or 0) + 1)}
