"""A flow as a team would write it, in a folder of its own: its two unsafe lines, and the same flow with both fixed."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import pytest

from flows.check.experiments import Kind
from flows.check.record import CheckRecord
from flows.check.trials import Verdict
from tests.command import SHARDWISE, environment
from tests.processes import processes_with
from tests.waiting import wait_until

SOURCE = Path(__file__).parent / "targets" / "etl.py"
WATCHED = ("--watch", "orders.db", "--watch", "out/")
FIXES = (("insert into orders", "insert or ignore into orders"), ('.open("a")', '.open("w")'))

TABLE = "create table orders (order_id integer, amount real)"

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]  # each starts a Prefect server and runs the flow often


def line(text: str) -> int:
    """The number of the line of the flow that holds a text."""
    return next(number for number, each in enumerate(SOURCE.read_text().splitlines(), 1) if text in each)


def write(folder: Path, fixes: tuple[tuple[str, str], ...] = ()) -> None:
    """The flow, with some texts replaced by others, and what it needs."""
    source = SOURCE.read_text()
    for before, after in fixes:
        assert before in source
        source = source.replace(before, after)
    (folder / "etl.py").write_text(source)
    (folder / "out").mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / "orders.db")) as database, database:
        key = "create table if not exists orders (order_id integer primary key, amount real)"
        database.execute(key if fixes else TABLE)
        database.execute("create table if not exists loaded (page integer primary key)")


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A check of the flow; all its processes have the folder in their environment."""
    return subprocess.Popen(
        [SHARDWISE, "check", "etl.py:nightly", *WATCHED, *arguments],
        cwd=folder,
        env=environment(CHECKED_FOLDER=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def checked(folder: Path, *arguments: str, fixes: tuple[tuple[str, str], ...] = ()) -> tuple[int, CheckRecord]:
    """The exit status and the record of a check of the flow."""
    write(folder, fixes)
    process = started(folder, "--json", *arguments)
    output, errors = process.communicate()
    assert output, errors
    return process.returncode, CheckRecord.model_validate_json(output)


def orders(folder: Path) -> int:
    """How many there are."""
    with closing(sqlite3.connect(folder / "orders.db")) as database, suppress(sqlite3.OperationalError):
        return int(database.execute("select count(*) from orders").fetchone()[0])
    return 0  # they are being restored just now


def test_the_two_unsafe_lines_are_named(tmp_path: Path) -> None:
    """Both runs of the first task, and the flow's own process, lead to the same two places."""
    status, record = checked(tmp_path, "--only", "crash,repeat,orchestrator", "--max-runs", "20")
    assert status == 1
    assert len(record.trials) == 20
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
    """Whatever kind of experiment is made."""
    status, record = checked(tmp_path, "--max-runs", "10", fixes=FIXES)
    assert status == 0
    assert {trial.kind for trial in record.trials} == set(Kind)
    assert {trial.verdict for trial in record.trials} == {Verdict.SAFE}
    assert all(trial.happened for trial in record.trials)


def test_a_check_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C restores the state; after kill -9 the next check does, which here tells where the flow fails by itself."""
    write(tmp_path)
    for how in (signal.SIGINT, signal.SIGKILL):
        process = started(tmp_path)
        wait_until(lambda: orders(tmp_path) > 0, timeout=200, what="a run of the flow")
        process.send_signal(how)
        _, errors = process.communicate()
        assert process.returncode == (130 if how is signal.SIGINT else -how), errors
        wait_until(lambda: not processes_with("CHECKED_FOLDER", tmp_path), timeout=30, what="the end of all processes")
        assert (tmp_path / ".shardwise").exists() is (how is signal.SIGKILL)
        assert how is signal.SIGKILL or orders(tmp_path) == 0
    write(tmp_path, fixes=(("db.execute", "db.ececute"),))
    process = started(tmp_path, "--yes")
    _, errors = process.communicate()
    told = " ".join(errors.split())
    assert process.returncode == 2, errors
    assert f"etl.py:{line('db.execute')})" in told, errors
    assert "raises AttributeError" in told
    assert "Traceback" not in told
    assert orders(tmp_path) == 0
    assert not (tmp_path / ".shardwise").exists()
