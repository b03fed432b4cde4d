"""Files that share a server go to one process; none that shares one is forgotten, none that is gone is listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.prefect_server import ROOT
from tests.scheduling import TOGETHER, scope_of

if TYPE_CHECKING:
    import pytest

OWN = "tests/fundamentals/"  # these files stand alone, and their fixtures too


def test_all_takers_of_a_shared_server_are_known(request: pytest.FixtureRequest) -> None:
    """Of the tests that were collected, each that takes a shared fixture is in a file that is listed with it."""
    items = [item for item in request.session.items if not item.nodeid.startswith(OWN)]
    for fixture, files in TOGETHER.items():
        takers = {item.nodeid.split("::")[0] for item in items if fixture in getattr(item, "fixturenames", [])}
        assert takers <= set(files)


def test_all_files_are_there() -> None:
    """A file that was renamed does not leave its entry behind."""
    assert all((ROOT / file).is_file() for files in TOGETHER.values() for file in files)


def test_scopes() -> None:
    """A file that shares a server goes with the others, any other file goes alone."""
    assert scope_of("tests/deployments/test_ui.py") == scope_of("tests/deployments/test_serve.py")
    assert scope_of("tests/deployments/test_ui.py") != scope_of("tests/flows/test_prefect_flow.py")
    assert scope_of("tests/test_imports.py") == "tests/test_imports.py"
