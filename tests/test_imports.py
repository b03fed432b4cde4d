"""Who may know whom, and what a worker process need not import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import shared

ROOT = Path(shared.__file__).resolve().parent
MODULES = sorted(ROOT.rglob("*.py"))
ENGINES = {"prefect", "render", "render_sdk", "flows"}
HEAVY = ["pandas", "numpy", "duckdb", "pyarrow", "pydantic", "pydantic_settings", "fsspec", "s3fs", "prefect", "render"]


def imported(tree: ast.AST) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who knows whom"
            names.add(node.module or "")
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
            names |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", MODULES, ids=[str(path.relative_to(ROOT)) for path in MODULES])
def test_the_core_knows_no_engine(module: Path) -> None:
    """No module of shared/ imports an engine, or anything of flows/."""
    assert imported(ast.parse(module.read_text())) & ENGINES == set()


def test_the_rule_would_be_noticed() -> None:
    """The check sees imports of every form, at any depth."""
    source = "import prefect.client\ndef f():\n  from render.workflows import x\n  importlib.import_module('flows.cli')"
    assert imported(ast.parse(source)) == {"prefect", "render", "flows"}
    assert len(MODULES) > 20


@pytest.mark.parametrize(
    "module", ["shared.run.steps", "shared.run.job", "shared.run.policy", "shared.run.ledger", "shared.faults.plan"]
)
def test_importing_a_door_imports_nothing_heavy(module: str) -> None:
    """A process that imports it has none of the large libraries yet: workers start cold."""
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_preloading_imports_what_a_shard_needs() -> None:
    """After ``preload`` a shard imports nothing more of the large libraries."""
    code = "import sys; from shared.run import steps; steps.preload(); print(*[name for name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"pandas", "duckdb", "pyarrow", "pyarrow.parquet", "shared.customers.shard"} <= loaded
    assert loaded & ENGINES == set()
