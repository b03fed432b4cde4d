"""The servers under test: ours with forked and with plain workers, and the official one where `RENDER_CLI` names it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.render_dev.serving import APPS, FORKED, PLAIN, Server, official, ours
from tests.render_dev.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterator

OFFICIAL = ["official"] if "RENDER_CLI" in os.environ else []
BAIT = {"RENDER_SDK_MODE": "bait", "INHERITED": "yes"}  # the first must be overridden, the second must arrive


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the SDK's client, which obeys proxy settings, on this machine."""
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    monkeypatch.delenv("RENDER_LOCAL_DEV_URL", raising=False)


@pytest.fixture(scope="session", params=["fork", "plain", *OFFICIAL])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Serve apps/tasks.py with the real SDK."""
    if request.param == "official":
        with official([*PLAIN[1:], "tasks:app"], APPS, BAIT) as running:
            yield running
        return
    command = [*(FORKED if request.param == "fork" else PLAIN), "tasks:app"]
    with ours(command, env=BAIT) as running:
        yield running


@pytest.fixture(scope="session", params=["ours", *OFFICIAL])
def scripted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve apps/scripted.py, whose workers send the requests that a test dictates."""
    env = {"SCRIPTED_FOLDER": str(tmp_path_factory.mktemp("scripted"))}
    if request.param == "official":
        with official([*PLAIN[1:2], "scripted.py"], APPS, env) as running:
            yield running
        return
    with ours([*FORKED[:1], "scripted.py"], env=env) as running:
        yield running


@pytest.fixture(scope="session")
def cloud() -> Iterator[Server]:
    """Serve apps/tasks.py with the platform's limits and two slots."""
    with ours([*FORKED, "tasks:app"], APPS, "--like-cloud", "--max-concurrency", "2") as running:
        yield running


@pytest.fixture(scope="session")
def idle_stream() -> Iterator[Subscription]:
    """Listen to a server of its own for a run that never comes; a ping is due after 25 s."""
    with ours([*FORKED, "tasks:app"]) as running, Subscription(running.url, "taskRunIds=trn-none") as stream:
        yield stream


@pytest.fixture(scope="session", autouse=True)
def _early(idle_stream: Subscription) -> None:
    """Open the idle stream with the first test, so that the last one need not wait for it."""
