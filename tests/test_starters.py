"""Tests that start servers are told from those that do not."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from tests.starters import FIXTURES, STARTERS, starts_servers

if TYPE_CHECKING:
    from collections.abc import Callable


def test_what_starts_servers_is_there() -> None:
    """A helper or fixture that was renamed does not leave its entry behind."""
    assert all(import_module(name) for name in STARTERS)
    folders = ["tests.deployments", "tests.flows", "tests.flows.compare", "tests.render_dev"]
    assert {name for folder in folders for name in vars(import_module(f"{folder}.conftest"))} >= FIXTURES


def test_a_file_that_imports_a_starter(prefect_starter: Callable[..., Any]) -> None:
    """A function or class of it counts, a constant does not, and neither does a module without any."""
    assert starts_servers({"running_server": prefect_starter}, [])
    assert not starts_servers({"ROOT": "/", "starts_servers": starts_servers}, ["tmp_path"])


@pytest.mark.parametrize("fixture", sorted(FIXTURES))
def test_a_test_that_takes_a_fixture(fixture: str) -> None:
    """Whether it names the fixture itself or another does."""
    assert starts_servers({}, ["tmp_path", fixture])


@pytest.fixture
def prefect_starter() -> Callable[..., Any]:
    """One of the functions that start a server, looked up here: an import would make these tests such tests."""
    starter: Callable[..., Any] = import_module("tests.prefect_server").running_server
    return starter


def test_these_tests_start_none(request: pytest.FixtureRequest) -> None:
    """The marker is on a test only when it does."""
    assert request.node.get_closest_marker("servers") is None
