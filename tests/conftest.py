"""What all tests share: the same drawn examples on every run, a folder for what killed processes leave, and Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from multiprocessing.util import Finalize
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from flows.registry import COLUMNS
from tests.sharing import group

SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

# A failure shows the example as it was drawn: making one of a whole run smaller takes minutes.
settings.register_profile(
    "steady",
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=SLOW_IS_FINE,
)
# pytest --hypothesis-profile=explore: other examples every time, made small, for a machine with time to spare
settings.register_profile("explore", deadline=None, database=None, suppress_health_check=SLOW_IS_FINE)
settings.load_profile("steady")

# Columns that the comparison runs by name or with --all: a test of each of their cells takes minutes.
ONLY_BY_NAME = {"prefect-shipped", "prefect-dask", "prefect-per-shard"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--engines local,render``: compare only these."""
    parser.addoption(
        "--engines",
        default=",".join(name for name in COLUMNS if name not in ONLY_BY_NAME),
        help="columns of the comparison that its tests run",
    )


def pytest_configure() -> None:
    """Processes under test can be interrupted, also where a script started the tests with an ampersand."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["SHARDWISE_ALLOW_FAULTS"] = "true"
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _keep_temporary_files_together()


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a server stay together; files of tests that start servers come first, as they take longest."""
    group(items)
    long = {item.path for item in items if item.get_closest_marker("servers")}
    items.sort(key=lambda item: item.path not in long)


def _keep_temporary_files_together() -> None:
    """In a folder that goes at the end, with what killed processes left in it.

    Pytest's own folders stay where they are: they are kept for the next look at a failure.
    """
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    folder = os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix="tests-")
    Path(folder).chmod(0o711)  # PostgreSQL runs as another user, in a folder below
    # Multiprocessing removes a folder of its own in there with priority -100.
    Finalize(None, shutil.rmtree, args=(folder, True), exitpriority=-200)
