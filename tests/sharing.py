"""Which tests run in one process: those of a file, and those of all files that take the same shared fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SHARED: set[str] = set()


def shared_fixture(function: Callable[..., Any]) -> Any:
    """A fixture for all tests of a folder that is expensive to start: each process with takers starts its own."""
    _SHARED.add(function.__name__)
    return pytest.fixture(scope="package")(function)


def group(items: Iterable[pytest.Item]) -> None:
    """Mark each test with its group, for ``--dist loadgroup``."""
    taken: dict[str, set[str]] = {}
    tests = [(item, _file_of(item)) for item in items]
    for item, file in tests:
        taken.setdefault(file, set()).update(_SHARED.intersection(getattr(item, "fixturenames", ())))
    for item, file in tests:
        item.add_marker(pytest.mark.xdist_group(min(taken[file], default=file)))


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.split("::")[0]
