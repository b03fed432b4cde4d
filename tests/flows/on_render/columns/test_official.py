"""The column of Render's own local server, where that program is installed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from flows.compare.observe.cells import run_cell
from flows.compare.observe.context import context_of
from flows.compare.options import Options, RetryOptions
from flows.engine.column import not_observable
from flows.engine.session import Choices, Session
from flows.engine.verdicts import Verdict
from flows.local import ENGINE as LOCAL
from flows.registry import COLUMNS
from tests.flows.compare.known import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.servers

OFFICIAL = COLUMNS["render-official"]
STAND_IN = """#!{python}
import os, sys
if sys.argv[1:] == ["--version"]:
    sys.exit("" if print("render version 9.9.9") else 0)
_, workflows, dev, port, number, dashes, *command = sys.argv
os.execv({python!r}, [{python!r}, "-m", "flows.render_dev", port, number, dashes, *command])
"""


def test_without_the_program_it_is_not_observed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No error: its cells say why."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with Session(tmp_path, 2) as session:
        assert "install Render's CLI" in not_observable([OFFICIAL], session)["render-official"]


def test_with_the_program_it_is(tmp_path: Path) -> None:
    """It serves this checkout's tasks under the cell's settings, and says its version."""
    program = os.environ.get("RENDER_CLI") or _stand_in(tmp_path)
    with Session(tmp_path, 2, Choices(options={"render_cli": program})) as session:
        context = context_of(session, tmp_path, Options(shards=8, retry=RetryOptions(wait_scale=0)), LOCAL)
        cell = run_cell(context, SCENARIOS["kill_worker_once"], OFFICIAL, 1)
    assert (cell.judgement.verdict, cell.judgement.mismatches) == (Verdict.ENGINE, ())
    assert cell.observed_on.served_by == "render workflows dev, Render's own local server"
    assert cell.observed_on.version.startswith("render version")
    assert cell.command.endswith(f" --render-cli {program}")


def _stand_in(folder: Path) -> str:
    program = folder / "render"
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(0o755)
    return str(program)
