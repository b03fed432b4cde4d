"""Forked workers: what they share with their parent, and what they must not share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.render_dev.serving import FORKED, PLAIN, alive, ours
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.servers

HEAD = "from render import Workflows\napp = Workflows()\n"
TASK = "\n@app.task\ndef first(ctx):\n    return {}\n"


def serve(folder: Path, head: str, returned: str) -> list[str]:
    """Write an app with one task that returns an expression, and name its command."""
    (folder / "app.py").write_text(head + HEAD + TASK.format(returned))
    return [*FORKED, "app:app"]


def test_app_is_imported_once(tmp_path: Path) -> None:
    """However many runs there are, the app is imported once, and all workers have the same parent."""
    head = "import os, pathlib\nwith open('imports', 'a') as file: file.write('x')\n"
    with ours(serve(tmp_path, head, "[os.getpid(), os.getppid()]"), tmp_path) as server:
        pids = [server.finish("first")["results"] for _ in range(3)]
    assert (tmp_path / "imports").read_text() == "x"
    assert len({pid for pid, _ in pids}) == 3
    assert len({parent for _, parent in pids}) == 1


def test_state_does_not_leak_between_runs(tmp_path: Path) -> None:
    """A module's state is as after the import in each run, whatever earlier runs did to it."""
    command = serve(tmp_path, "SEEN = []\n", "[SEEN.append(1) or len(SEEN), 0]")
    with ours(command, tmp_path) as server:
        assert [server.finish("first")["results"] for _ in range(3)] == [[1, 0]] * 3


def test_random_numbers_differ(tmp_path: Path) -> None:
    """Neither the standard library nor numpy draws the same numbers in two workers."""
    head = "import random\nimport numpy.random\n"
    with ours(serve(tmp_path, head, "[random.random(), numpy.random.random()]"), tmp_path) as server:
        drawn = [server.finish("first")["results"] for _ in range(2)]
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


def test_threads_prevent_forking(tmp_path: Path) -> None:
    """An app that starts a thread when imported is served by plain processes, where the thread lives."""
    head = (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True, name='mine').start()\n"
    )
    with ours(
        serve(tmp_path, head, "['mine' in [each.name for each in threading.enumerate()], 0]"), tmp_path
    ) as server:
        assert server.finish("first")["results"] == [True, 0]
        message = "".join(server.lines)
    assert "Every task starts in a plain process: the app keeps 1 threads alive after its import" in message


def test_failed_import_is_repaired_by_an_edit(tmp_path: Path) -> None:
    """After a repair workers are forked again."""
    command = serve(tmp_path, "import os\n", "[os.getppid(), 0]")
    with ours(command, tmp_path) as server:
        (tmp_path / "app.py").write_text("import no_such_module\n")
        assert server.http.get("/tasks").status_code == 500
        serve(tmp_path, "import os  # repaired\n", "[os.getppid(), 0]")
        assert server.finish("first")["results"] == server.finish("first")["results"]


def test_an_app_of_very_many_files_is_forked(tmp_path: Path) -> None:
    """However many files an app has, each of them counts when it is edited."""
    package = tmp_path / "package_of_the_app"
    package.mkdir()
    for number in range(1500):
        (package / f"module_{number}.py").write_text("VALUE = 1\n")
    head = "import importlib, os\nfor n in range(1500): importlib.import_module(f'package_of_the_app.module_{n}')\n"
    head += "from package_of_the_app.module_1499 import VALUE\n"
    with ours(serve(tmp_path, head, "[os.getppid(), VALUE]"), tmp_path) as server:
        pids = [server.finish("first")["results"] for _ in range(2)]
        assert pids[0] == pids[1]
        (package / "module_1499.py").write_text("VALUE = 2000\n")
        assert server.finish("first")["results"][1] == 2000


def test_own_package_names_are_free(tmp_path: Path) -> None:
    """A project may have modules called as ours are: `flows`, `models`, `fork_server`."""
    for name in ("flows", "models", "fork_server"):
        (tmp_path / f"{name}.py").write_text(f"WHERE = {name!r}\n")
    head = "import flows, models, fork_server\n"
    with ours(serve(tmp_path, head, "[flows.WHERE, models.WHERE, fork_server.WHERE]"), tmp_path) as server:
        assert server.finish("first")["results"] == ["flows", "models", "fork_server"]


UNGUARDED = {
    "method": HEAD + TASK.format("[os.getpid(), os.getppid()]") + "app.start()\nraise RuntimeError('too far')\n",
    "imported": HEAD + TASK.format("[os.getpid(), os.getppid()]") + "import starter\nstarter.start(app)\n",
}


@pytest.mark.parametrize("words", [["app.py"], ["-m", "app"], ["-m", "render.workflows.cli", "app:app"]], ids=str)
@pytest.mark.parametrize("form", UNGUARDED)
def test_an_app_may_start_without_a_guard(tmp_path: Path, words: list[str], form: str) -> None:
    """The form of the SDK's own example, which starts the app wherever it is imported, is forked as well."""
    (tmp_path / "starter.py").write_text("def start(app): app.start()\n")
    (tmp_path / "heavy.py").write_text("with open('imports', 'a') as file: file.write('x')\n")
    (tmp_path / "app.py").write_text("import heavy, os\n" + UNGUARDED[form])
    with ours([sys.executable, *words], tmp_path) as server:
        pids = [server.finish("first")["results"] for _ in range(2)]
        assert "plain process" not in "".join(server.lines)
    assert (tmp_path / "imports").read_text() == "x"
    assert len({parent for _, parent in pids}) == 1


@pytest.mark.parametrize("command", [FORKED, PLAIN, (sys.executable,)], ids=["fork", "plain", "file"])
def test_tasks_may_spawn_processes(tmp_path: Path, command: Sequence[str]) -> None:
    """A task may use a pool of spawned processes, whose functions come from its own module."""
    (tmp_path / "app.py").write_text(
        "import concurrent.futures, multiprocessing\n"
        + HEAD
        + "def double(x): return 2 * x\n"
        + TASK.format("pool()")
        + "def pool():\n"
        "    spawn = multiprocessing.get_context('spawn')\n"
        "    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as executor:\n"
        "        return list(executor.map(double, [1, 2]))\n"
        "if __name__ == '__main__': app.start()\n"
    )
    words = ["app.py"] if command == (sys.executable,) else ["app:app"]
    with ours([*command, *words], tmp_path) as server:
        assert server.finish("first")["results"] == [2, 4]


def test_frames_work_in_forked_workers(tmp_path: Path) -> None:
    """pandas, pyarrow and duckdb, imported by the parent, compute in its children."""
    head = "import duckdb, pandas, pyarrow.parquet\n"
    body = (
        "\ndef compute():\n"
        "    pandas.DataFrame({'a': range(1000)}).to_parquet('frame.parquet')\n"
        "    table = pyarrow.parquet.read_table('frame.parquet')\n"
        "    return [table.num_rows, duckdb.sql(\"select sum(a)::bigint from 'frame.parquet'\").fetchall()[0][0]]\n"
    )
    with ours(serve(tmp_path, head + body, "compute()"), tmp_path) as server:
        run = server.finish("first")
        assert run["results"] == [1000, 499500], run


def test_what_an_attempt_starts_ends_with_it(tmp_path: Path) -> None:
    """A process of ``multiprocessing``, and an orphan in its own session."""
    head = """
import multiprocessing, os, subprocess, time
def leave(pipe):
    pipe.send(subprocess.Popen(["sleep", "600"], start_new_session=True).pid)
def start():
    ours, theirs = multiprocessing.Pipe()
    multiprocessing.Process(target=leave, args=(theirs,)).start()
    stays = multiprocessing.Process(target=time.sleep, args=(600,), daemon=True)
    stays.start()
    return [ours.recv(), stays.pid]
"""
    with ours(serve(tmp_path, head, "start()"), tmp_path) as server:
        pids = server.finish("first")["results"]
        wait_until(lambda: not any(map(alive, pids)), timeout=30, what="the end of what the attempt started")
