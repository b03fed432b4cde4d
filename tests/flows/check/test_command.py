from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import psutil
import pytest

from flows.check.experiments import SAME_NAME, Kind
from flows.check.record import CheckRecord
from flows.check.trials import Verdict
from tests.command import SHARDWISE, environment, shardwise
from tests.shared.s3_server import new_bucket, s3_server
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

WATCHED = ("--watch", "orders.db", "--watch", "out/")
ONE_SHARD = {"SHARDWISE_NUM_SHARDS": "1"}
JOB = '''"""Orders into SQLite."""
import sqlite3
from pathlib import Path


class Orders:
    name = "orders"
    version = 1

    def process_shard(self, context, shard_id, path):
        db = sqlite3.connect("orders.db", isolation_level=None)
        db.execute("insert {ignore} into orders values (7, 3)")
        db.close()
        path.write_text("7")
        return {{}}

    def aggregate(self, context, shards):
        return {{"orders": len(shards)}}


unsafe = Orders()
nothing = 7
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job whose insert is not safe, with the database that it inserts into."""
    (tmp_path / "etl.py").write_text(JOB.format(ignore=""))
    with closing(sqlite3.connect(tmp_path / "orders.db")) as database, database:
        database.execute("create table orders (number int, amount int)")
        database.execute("insert into orders values (1, 1)")
    return tmp_path


def rows(folder: Path) -> list[tuple[int, int]]:
    """The orders that are there."""
    with closing(sqlite3.connect(folder / "orders.db")) as database, suppress(sqlite3.OperationalError):
        return database.execute("select number, amount from orders").fetchall()
    return []  # it is being restored just now


def check(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a check in a folder."""
    return shardwise("check", *arguments, cwd=folder, **ONE_SHARD, **settings)


def test_an_unsafe_job_is_found_at_its_line(folder: Path) -> None:
    """The command exits with 1, names the line, what came of it and how to fix it; the state is what it was."""
    done = check(folder, "etl.py:unsafe", *WATCHED, "--only", "crash")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "etl.py:13 in process_shard" in done.stdout
    assert "orders.db: orders has 1 duplicate row (number 7)" in done.stdout
    assert "Line 12 (`db.execute(" in " ".join(done.stdout.split())
    assert "insert-without-a-key" in done.stdout
    assert rows(folder) == [(1, 1)]
    assert not (folder / ".shardwise").exists()
    record = CheckRecord.model_validate_json((folder / "shardwise-check" / "check.json").read_text())
    assert not record.safe
    [finding] = record.findings
    assert (finding.file, finding.before_line, finding.line) == ("etl.py", 12, 13)
    suites = ET.fromstring((folder / "shardwise-check" / "check.junit.xml").read_text())  # noqa: S314 — ours
    failed = {case.get("name") for case in suites.iter("testcase") if case.find("failure") is not None}
    assert failed == {"crash etl.py:13", "crash etl.py:14", "crash etl.py:15", "crash after the last line"}


def test_a_safe_job_exits_with_0(folder: Path) -> None:
    """With the key that was missing; --json prints the record and nothing else."""
    (folder / "etl.py").write_text(JOB.format(ignore="or ignore"))
    with closing(sqlite3.connect(folder / "orders.db")) as database, database:
        database.execute("create unique index once on orders (number)")
    done = check(folder, "etl.py:unsafe", *WATCHED, "--only", "crash,repeat", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    record = CheckRecord.model_validate_json(done.stdout)
    assert record.safe
    assert all(trial.happened for trial in record.trials)
    assert {trial.verdict for trial in record.trials} == {Verdict.SAFE}


def test_a_job_that_cannot_be_repeated_does_not_recover(folder: Path) -> None:
    """It removes what it needs; the finding has the error of the last attempt, and the folder's name is an odd one."""
    folder = folder.rename(folder.with_name('my "jöb\'s" folder'))
    source = JOB.replace('db.execute("insert {ignore} into orders values (7, 3)")', 'os.remove("orders.db")')
    source = source.replace('sqlite3.connect("orders.db", isolation_level=None)', 'open("orders.db")')
    (folder / "my jöb.py").write_text(f"import os\n{source.format()}")
    done = check(folder, "my jöb.py:unsafe", "--watch", "orders.db", "--only", "crash", "--max-runs", "4")
    assert done.returncode == 1, done.stdout + done.stderr
    told = " ".join(done.stdout.split())
    assert "does not recover my jöb.py:14 in process_shard crash" in told
    assert "FileNotFoundError: [Errno 2] No such file or directory: 'orders.db'" in told
    assert rows(folder) == [(1, 1)]


def test_what_is_allowed_does_not_fail(folder: Path) -> None:
    """--max-runs counts what was left out."""
    done = check(folder, "etl.py:unsafe", *WATCHED, "--only", "crash", "--allow", "etl.py:13", "--max-runs", "6")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "experiments were left out" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name what to check"),
        (("etl.py",), "it must be like etl.py:nightly"),
        (("etl.py:nothing", *WATCHED), "etl.py:nothing is neither a pipeline nor a flow nor an app, but 7"),
        (("etl.py:unsafe", "--watch", "s3://bucket/orders"), "there is no way to restore s3://bucket/orders"),
        (("etl.py:unsafe", "--watch", "nothing://x"), "--watch nothing://x: Protocol not known: nothing"),
        (("etl.py:unsafe", "--watch", ""), "--watch is empty"),
        (("etl.py:unsafe", *WATCHED, "--only", "flood"), "unknown experiments: flood; known are crash, error"),
        (("etl.py:unsafe", *WATCHED, "--param", "day=1"), "day"),
        (("etl.py:unsafe", *WATCHED, "--task", "load"), "--task and --input are for apps"),
        (
            ("etl.py:unsafe", "--watch", "postgresql://db.example.org/shop", "--reset", "make reset"),
            "changes postgresql://db.example.org/shop, which may be on another machine; add --yes",
        ),
        (("etl.py:unsafe", "--watch", "etl:read_state", "--reset", "exit 3", "--yes"), "etl:read_state cannot be read"),
        (("etl.py:unsafe", "--watch", "orders.db", "--out", "etl.py"), "--out etl.py cannot be a folder"),
    ],
)
def test_what_cannot_be_checked_is_told(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    """One sentence, exit status 2, and nothing is changed."""
    done = check(folder, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert rows(folder) == [(1, 1)]
    assert not (folder / ".shardwise").exists()


def test_a_job_of_5000_lines(folder: Path) -> None:
    """The lines next to effects are tried, and the report counts what was left out."""
    source = (folder / "etl.py").read_text()
    lines = "".join(f"        shard_id += {number}\n" for number in range(5000))
    (folder / "etl.py").write_text(source.replace("        db = sqlite3", f"{lines}        db = sqlite3"))
    done = check(folder, "etl.py:unsafe", *WATCHED, "--only", "crash", "--max-runs", "5")
    assert done.returncode == 1, done.stderr
    assert "5003 of 5008 experiments were left out" in done.stdout
    assert "etl.py:5013 in process_shard" in done.stdout


LIES = {
    "nothing is done, and there is no evidence": "FollowedRun._act = lambda *_: None",
    "nothing is done, whatever the evidence says": (
        "FollowedRun._act = lambda self, place, function: "
        "Evidence(place, os.getpid(), '', 0, function).leave(self._folder)"
    ),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_experiment_that_does_not_happen_is_detected(folder: Path, lie: str) -> None:
    """None of any kind is called safe; only whole runs that are started again need no evidence of that sort."""
    imports = "import os\nfrom shared.tracing.followed import FollowedRun\nfrom shared.tracing.plan import Evidence\n"
    (folder / "etl.py").write_text(f"{imports}{lie}\n{JOB.format(ignore='or ignore')}")
    done = check(folder, "etl.py:unsafe", *WATCHED, "--max-runs", "10", "--json")
    assert done.returncode == 1, done.stderr
    record = CheckRecord.model_validate_json(done.stdout)
    assert {trial.kind for trial in record.trials} == set(Kind)
    assert {trial.verdict for trial in record.trials if not trial.again} == {Verdict.NOT_REACHED}


def test_a_run_that_is_not_started_again_is_detected(folder: Path) -> None:
    """It says that it completed, and none of its steps began."""
    lie = (
        "from flows.local_target import PipelineTarget\nfrom flows.engine.target import Outcome\n"
        "run = PipelineTarget.run\n"
        "def lie(self, job, order, tell):\n"
        "    again = 'verify' not in order and (job.request.work / 'store' / 'runs' / order['run_id']).exists()\n"
        "    return Outcome(True) if again else run(self, job, order, tell)\n"
        "PipelineTarget.run = lie\n"
    )
    (folder / "etl.py").write_text(lie + JOB.format(ignore="or ignore"))
    done = check(folder, "etl.py:unsafe", *WATCHED, "--only", "repeat", "--json")
    record = CheckRecord.model_validate_json(done.stdout)
    assert {trial.again: trial.verdict for trial in record.trials}[SAME_NAME] is Verdict.NOT_REACHED


def test_state_that_is_not_read_or_not_restored_is_detected(folder: Path) -> None:
    """A function that returns the same whatever happens, and a command that does nothing."""
    (folder / "reading.py").write_text("def orders():\n    return [{'number': 1}]\n")
    unread = check(folder, "etl.py:unsafe", "--watch", "reading:orders", "--reset", "true", "--yes")
    assert unread.returncode == 2
    assert "a run changes nothing in reading:orders" in " ".join(unread.stderr.split())
    (folder / "reading.py").write_text(
        "import sqlite3\n\ndef orders():\n    return [{'number': number} for number, in sqlite3.connect('orders.db')"
        ".execute('select number from orders')]\n"
    )
    kept = check(folder, "etl.py:unsafe", "--watch", "reading:orders", "--reset", "true", "--yes")
    assert kept.returncode == 2, kept.stdout
    assert (
        "--reset 'true' does not make the state what it was before a run: reading:orders has 1 duplicate"
        in " ".join(kept.stderr.split())
    )


def test_a_reset_that_fails_is_told(folder: Path) -> None:
    """The copy of the state is kept, as it cannot be known what that command would have restored."""
    done = check(folder, "etl.py:unsafe", *WATCHED, "--reset", "echo no; exit 3")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "ended with exit status 3: no" in done.stderr.replace("\n", " ")
    assert rows(folder) == [(1, 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('"insert', '"insert nonsense'),
            'process_shard raises OperationalError: near "nonsense": syntax error (etl.py:12)',
        ),
        (('db.execute("insert  into orders values (7, 3)")', "pass"), "a run changes nothing in orders.db"),
    ],
)
def test_a_job_that_shows_nothing_is_told(folder: Path, change: tuple[str, str], message: str) -> None:
    """One that fails by itself, and one that changes nothing of what is watched."""
    source = (folder / "etl.py").read_text()
    assert change[0] in source
    (folder / "etl.py").write_text(source.replace(*change))
    done = check(folder, "etl.py:unsafe", "--watch", "orders.db")
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr.replace("\n", " ")
    assert rows(folder) == [(1, 1)]


def started(folder: Path) -> subprocess.Popen[str]:
    """A check whose experiments have begun to change the state."""
    process = subprocess.Popen(
        [SHARDWISE, "check", "etl.py:unsafe", *WATCHED],
        cwd=folder,
        env=environment(**ONE_SHARD),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: len(rows(folder)) > 1, timeout=60, what="a run of the job")
    return process


def left_running(folder: Path) -> list[psutil.Process]:
    """The processes that run in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_ctrl_c_restores_the_state(folder: Path) -> None:
    """Nothing is left running, and nothing is left to restore."""
    process = started(folder)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "interrupted; the watched state is restored" in output
    assert rows(folder) == [(1, 1)]
    assert left_running(folder) == []
    assert not (folder / ".shardwise").exists()


def test_the_next_check_restores_what_a_killed_one_left(folder: Path) -> None:
    """After kill -9 all its processes end; the next start names what is left, and restores it when told to."""
    process = started(folder)
    process.kill()
    process.communicate()
    wait_until(lambda: not left_running(folder), timeout=30, what="the end of all processes")
    with closing(sqlite3.connect(folder / "orders.db")) as database, database:
        database.execute("insert into orders values (8, 8)")  # it may have been killed between two runs
    refused = check(folder, "etl.py:unsafe", *WATCHED)
    assert refused.returncode == 2
    assert "was killed before it restored" in refused.stderr.replace("\n", " ")
    assert "orders.db" in refused.stderr
    assert rows(folder) != [(1, 1)]
    assert check(folder, "--restore").returncode == 0
    assert rows(folder) == [(1, 1)]
    assert check(folder, "--restore").returncode == 0
    assert not (folder / ".shardwise").exists()


def test_two_checks_at_once_are_refused(folder: Path) -> None:
    """The second one would see what the first one breaks."""
    process = started(folder)
    try:
        refused = check(folder, "etl.py:unsafe", *WATCHED)
        assert refused.returncode == 2
        assert f"a check is running in {folder} already, as process {process.pid}" in refused.stderr.replace("\n", " ")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_state_that_a_function_reads_is_reset_by_a_command(folder: Path) -> None:
    """The team's function reads it, the team's command makes it what it was."""
    (folder / "reading.py").write_text(
        "import sqlite3\n\n\ndef orders():\n    return [{'number': n} for n, in sqlite3.connect('orders.db')"
        ".execute('select number from orders')]\n"
    )
    statements = "d = sqlite3.connect('orders.db'); d.execute('delete from orders where number = 7'); d.commit()"
    reset = f'{sys.executable} -c "import sqlite3; {statements}"'
    watched = ("--watch", "reading:orders", "--reset", reset, "--yes")
    done = check(folder, "etl.py:unsafe", *watched, "--only", "crash", "--json")
    record = CheckRecord.model_validate(json.loads(done.stdout))
    assert done.returncode == 1, done.stderr
    assert [finding.before_line for finding in record.findings] == [12]
    assert "reading:orders has 1 duplicate record (number 7)" in record.findings[0].text
    assert rows(folder) == [(1, 1)]


BUCKET = """
import os
from urllib.request import Request, urlopen

def send(method, name):
    url, signed = f"{os.environ['AWS_ENDPOINT_URL']}/{BUCKET}/{name}", {"Authorization": "AWS key:any"}
    urlopen(Request(url, b"number\\n7\\n", signed, method=method)).close()

if __name__ == "__main__":
    for number in (1, 2):
        send("DELETE", f"{number}.csv")
"""


def test_a_bucket_is_reset_by_a_command(folder: Path) -> None:
    """An attempt gives its object a name of its own: a second one leaves another object."""
    source = JOB.replace(
        'db.execute("insert {ignore} into orders values (7, 3)")', 'send("PUT", f"{{context.attempt}}.csv")'
    )
    (folder / "etl.py").write_text(f"from bucket import send\n{source.format()}")
    reset = f"{sys.executable} bucket.py"
    with s3_server():
        url = f"{new_bucket()}/orders"
        (folder / "bucket.py").write_text(f"BUCKET = {url.removeprefix('s3://')!r}\n{BUCKET}")
        watched = ("--watch", url, "--reset", reset, "--yes")
        done = check(folder, "etl.py:unsafe", *watched, "--only", "crash", "--max-runs", "4", "--json")
    assert done.returncode == 1, done.stderr
    record = CheckRecord.model_validate_json(done.stdout)
    [finding] = record.findings
    assert (finding.line, finding.pattern) == (12, "key that contains the attempt or the time")
    assert f"{url}/1.csv is missing. {url}/2.csv is there and must not be" in finding.text


def test_reports_are_for_their_owner(folder: Path) -> None:
    """They hold rows of the state; the page loads nothing and escapes what it shows."""
    source = (folder / "etl.py").read_text()
    (folder / "etl.py").write_text(source.replace("db.close()", 'db.close()  # <script>alert("x")</script>'))
    check(folder, "etl.py:unsafe", *WATCHED, "--only", "crash")
    files = {path.name: path for path in (folder / "shardwise-check").iterdir()}
    assert files.keys() == {"check.html", "check.json", "check.junit.xml"}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    page = files["check.html"].read_text()
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "&lt;script&gt;" in page
    assert os.linesep + "<h2>Findings</h2>" in page
