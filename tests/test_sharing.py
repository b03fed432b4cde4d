"""Files whose tests take the same shared fixture go to one process, any other file goes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CONFTEST = """
from tests.sharing import group, shared_fixture

@shared_fixture
def expensive():
    yield object()

def pytest_collection_modifyitems(items):
    group(items)
    for item in items:
        print(item.nodeid, item.get_closest_marker("xdist_group").args[0])
"""


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
