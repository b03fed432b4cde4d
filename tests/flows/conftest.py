"""One Prefect server, and one process that runs flows on it, for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.flows.prefect_driving import Driver, driving
from tests.prefect_server import PrefectServer, running_server
from tests.sharing import shared_fixture

if TYPE_CHECKING:
    from collections.abc import Iterator


@shared_fixture
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server that ends with these tests: an idle one takes a twentieth of a core."""
    with running_server(tmp_path_factory.mktemp("prefect")) as server:
        yield server


@pytest.fixture(scope="package")
def driver(prefect_server: PrefectServer) -> Iterator[Driver]:
    """Runs flows on that server."""
    with driving(prefect_server) as running:
        yield running
