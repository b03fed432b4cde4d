"""A flow as a team would write it, in a folder of its own: its two unsafe lines, and the same flow with both fixed."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from flows.check.record import CheckRecord
from flows.check.trials import Verdict
from tests.command import SHARDWISE, environment

SOURCE = Path(__file__).parent / "targets" / "etl.py"
WATCHED = ("--watch", "orders.db", "--watch", "out/")
FIXES = (("insert into orders", "insert or ignore into orders"), ('.open("a")', '.open("w")'))

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]  # each starts a Prefect server and runs the flow 40 times


def checked(folder: Path, *arguments: str, fixes: tuple[tuple[str, str], ...] = ()) -> tuple[int, CheckRecord]:
    """The exit status and the record of a check of the flow."""
    source = SOURCE.read_text()
    for before, after in fixes:
        assert before in source
        source = source.replace(before, after)
    (folder / "etl.py").write_text(source)
    (folder / "out").mkdir()
    with closing(sqlite3.connect(folder / "orders.db")) as database, database:
        database.execute("create table orders (order_id integer primary key, amount real)" if fixes else TABLE)
        database.execute("create table loaded (page integer primary key)")
    command = [SHARDWISE, "check", "etl.py:nightly", *WATCHED, "--json", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, CheckRecord.model_validate_json(done.stdout)


TABLE = "create table orders (order_id integer, amount real)"


def line(text: str) -> int:
    """The number of the line of the flow that holds a text."""
    return next(number for number, each in enumerate(SOURCE.read_text().splitlines(), 1) if text in each)


def test_the_two_unsafe_lines_are_named(tmp_path: Path) -> None:
    """Both runs of the first task, and the flow's own process, lead to the same two places."""
    status, record = checked(tmp_path, "--only", "crash,repeat,orchestrator")
    assert status == 1
    assert all(trial.happened for trial in record.trials)
    after_commit, after_file = line("insert or ignore into loaded"), line("with Path")
    assert [(each.task, each.line, each.pattern) for each in record.findings] == [
        ("load", after_commit, "insert without a key"),
        ("summarize", -1, "append"),
    ]
    assert record.findings[1].before_line == after_file
    assert "orders.db: orders has 2 duplicate rows (order_id 1, 2)" in record.findings[0].text
    assert (tmp_path / "out").is_dir()
    assert not list((tmp_path / "out").iterdir())


def test_with_both_fixed_the_flow_is_safe(tmp_path: Path) -> None:
    """Also where an attempt that was assumed dead continues."""
    status, record = checked(tmp_path, "--only", "overlap,repeat", "--max-runs", "12", fixes=FIXES)
    assert status == 0
    assert {trial.verdict for trial in record.trials} == {Verdict.SAFE}
    assert all(trial.happened for trial in record.trials)
