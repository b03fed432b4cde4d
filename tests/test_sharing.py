"""Files whose tests take the same shared fixture go to one process, any other file goes alone."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.prefect_server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CONFTEST = """
from tests.sharing import group, shared_fixture

import pytest

@shared_fixture
def expensive():
    yield object()

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    group(items)
    for item in items:
        print(item.nodeid, item.get_closest_marker("xdist_group").args[0])
"""


def test_a_group_runs_in_one_process(tmp_path: Path) -> None:
    """Xdist sees the groups: of many tests in two files, each file's stay together."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    test = """import os, pytest
@pytest.mark.parametrize("n", range(20))
def test(n): print("ran", __name__, os.getpid())
"""
    for name in ("test_a", "test_b"):
        (tmp_path / f"{name}.py").write_text(test)
    arguments = ["-rP", "-n", "2", "--dist", "loadgroup", "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *arguments, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    ran = [line for line in done.stdout.splitlines() if line.startswith("ran ")]
    assert (len(ran), len(set(ran))) == (40, 2)


def test_groups_follow_from_the_fixtures(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Also the tests of a taker's file that do not take it themselves."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_a.py").write_text("def test_1(expensive): ...\ndef test_2(): ...\n")
    (tmp_path / "test_b.py").write_text("import pytest\n@pytest.fixture\ndef f(expensive): ...\ndef test_3(f): ...\n")
    (tmp_path / "test_c.py").write_text("def test_4(): ...\ndef test_5(): ...\n")
    pytest.main(["-q", "-s", "--collect-only", "--rootdir", str(tmp_path), "-p", "no:cacheprovider", str(tmp_path)])
    groups = dict(line.rsplit(" ", 1) for line in capfd.readouterr().out.splitlines() if "::" in line and " " in line)
    assert {name[-1]: group for name, group in groups.items()} == {
        "1": "expensive",
        "2": "expensive",
        "3": "expensive",
        "4": "test_c.py",
        "5": "test_c.py",
    }
