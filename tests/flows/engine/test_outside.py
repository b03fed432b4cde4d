"""An engine from outside is one folder and one line: nothing else is edited, and all commands know it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import flows
import shared
from flows.engine.verdicts import Verdict
from shared.run.settings import SAMPLE_DATA
from tests.command import shardwise
from tests.flows.compare.made import recorded
from tests.golden import GOLDEN_DIGEST

if TYPE_CHECKING:
    from subprocess import CompletedProcess

FOLDER = Path(__file__).with_name("on_threads")
LINE = "from flows.on_threads.engine import ENGINE as THREADS\n"
SCENARIOS = {"nothing_breaks": Verdict.UNAFFECTED, "raise_twice": Verdict.ENGINE, "raise_terminal": Verdict.FAILED}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with one folder more, and a line more in the registry."""
    root = tmp_path_factory.mktemp("checkout")
    for package in (flows, shared):
        (source,) = package.__path__
        shutil.copytree(source, root / Path(source).name, ignore=shutil.ignore_patterns("__pycache__", "compare.json"))
    shutil.copytree(FOLDER, root / "flows" / "on_threads")
    registry = root / "flows" / "registry.py"
    before, anchor, after = registry.read_text().partition("from flows.on_render.engine import ENGINE as RENDER\n")
    registry.write_text(before + anchor + LINE + after)
    return root


def on(checkout: Path, folder: Path, *words: str) -> CompletedProcess[str]:
    """A command of that project."""
    return shardwise(*words, cwd=folder, PYTHONPATH=str(checkout), SHARDWISE_DATA_URL=str(SAMPLE_DATA))


def test_it_runs(checkout: Path, tmp_path: Path) -> None:
    """``--engine`` knows it, and its output is that of every engine."""
    done = on(checkout, tmp_path, "run", "--engine", "threads", "--shards", "2")
    assert done.returncode == 0, done.stderr
    assert GOLDEN_DIGEST in done.stdout


def test_it_is_compared(checkout: Path, tmp_path: Path) -> None:
    """Three scenarios end as the policy promises; the report has its column, its title and its rules."""
    options = [
        "--engines",
        "local,threads",
        "--scenarios",
        ",".join(SCENARIOS),
        "--repeat",
        "1",
        "--wait-scale",
        "0.05",
    ]
    done = on(checkout, tmp_path, "compare", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    made = recorded(tmp_path)
    assert {cell.scenario: cell.judgement.verdict for cell in made.cells if cell.column == "threads"} == SCENARIOS
    assert made.products["threads"].title == "Threads"
    assert "no-timeout" in [hint.rule for hint in made.hints if hint.engine == "threads"]
    assert "a thread pool" in (tmp_path / "shardwise-report" / "report.html").read_text()
