"""Proxies and certificates that the environment names."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from shared.run.proxies import bypass_proxies
from tests.command import shardwise
from tests.golden import GOLDEN_DIGEST
from tests.render_dev.serving import ours
from tests.shared.s3_server import new_bucket, s3_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.servers

NAMES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
CLOUD = {"RENDER_API_KEY": "key", "WORKFLOW_SLUG": "workflow"}


class Proxy:
    """A proxy that reaches nothing, as a company's does not reach this machine.

    Attributes:
        settings: The variables that name it.
        asked: The requests that it got.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def refuse(self) -> None:
                proxy.asked.append(self.requestline)
                self.send_error(502)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_CONNECT = refuse  # noqa: N815 — the library's names

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        url = f"http://127.0.0.1:{self.server.server_port}"
        self.settings = dict.fromkeys(NAMES, url)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """One that runs."""
    running = Proxy()
    with running.server:
        thread = threading.Thread(target=running.server.serve_forever)
        thread.start()
        yield running
        running.server.shutdown()
        thread.join()


@pytest.mark.parametrize("engine", ["local", "render", "prefect"])
def test_no_request_to_this_machine_goes_through_a_proxy(proxy: Proxy, tmp_path: Path, engine: str) -> None:
    """Neither to our Render server, to a temporary Prefect server nor to a bucket; in the processes of tasks, too."""
    with s3_server():
        done = shardwise(
            *("run", "--engine", engine, "--json", "--store", new_bucket()),
            cwd=tmp_path,
            NO_PROXY="a.b",
            PREFECT_HOME=str(tmp_path),
            **proxy.settings,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == GOLDEN_DIGEST
    assert proxy.asked == []


def test_the_trigger_of_a_local_server_needs_no_proxy(proxy: Proxy, tmp_path: Path) -> None:
    """Nor does it read certificates, or load what a proxy would need."""
    broken = {"SSL_CERT_FILE": "/nowhere.pem", "ALL_PROXY": "socks5://127.0.0.1:9"}
    with ours((), tmp_path, env=proxy.settings) as server:
        done = shardwise("trigger", cwd=tmp_path, RENDER_LOCAL_DEV_URL=server.url, **(proxy.settings | broken))
    assert done.returncode == 0, done.stderr
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"SSL_CERT_FILE": "/nowhere.pem"},
            "the certificates in /nowhere.pem, which SSL_CERT_FILE names, cannot be read",
        ),
        (
            {"ALL_PROXY": "socks5://user:secret@127.0.0.1:9"},
            "the proxy that ALL_PROXY names cannot be used: Using SOCKS",
        ),
        ({"https_proxy": "ftp://user:secret@127.0.0.1:9"}, "the proxy that https_proxy names cannot be used: Unknown"),
        ({"HTTPS_PROXY": "127.0.0.1:port"}, "the proxy that HTTPS_PROXY names cannot be used: Invalid port"),
    ],
)
def test_what_the_environment_names_and_cannot_be_used(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    """The cloud is not asked: one sentence names the variable at once, and no password."""
    done = shardwise("trigger", cwd=tmp_path, **CLOUD, **settings)
    assert done.returncode == 2
    assert done.stderr.startswith(f"shardwise: {said}")
    assert len(done.stderr.splitlines()) == 1
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "the certificates in /nowhere.pem, which SSL_CERT_FILE names, cannot be"),
        ({"ALL_PROXY": "socks5://user:secret@127.0.0.1:9"}, "the proxy that ALL_PROXY names cannot be used: Using"),
    ],
)
@pytest.mark.parametrize("server", [{}, {"PREFECT_API_URL": "http://127.0.0.1:9/api"}], ids=["temporary", "named"])
def test_what_a_run_on_prefect_cannot_use(
    tmp_path: Path, settings: dict[str, str], said: str, server: dict[str, str]
) -> None:
    """No server is started or asked: one sentence names the variable at once."""
    done = shardwise("run", cwd=tmp_path, PREFECT_HOME=str(tmp_path / "home"), **server, **settings)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"shardwise: {said}")
    assert "secret" not in done.stderr
    assert not list(tmp_path.rglob("prefect.db"))


def test_exceptions_are_added_to_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both variables get all; without a proxy neither is set."""
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    bypass_proxies()
    assert not {"NO_PROXY", "no_proxy"} & os.environ.keys()
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "a.b")
    monkeypatch.setenv("no_proxy", " c.d ,localhost")
    bypass_proxies()
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "a.b,c.d,localhost,127.0.0.1,::1"
