"""Which Prefect server a command talks to, and what it says when none answers there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command import shardwise
from tests.prefect_server import free_port, running_server

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("command", ["run", "recover"])
def test_a_profile_names_the_server(tmp_path: Path, command: str) -> None:
    """A server that only a profile names is the one that is missed, and no temporary one is announced."""
    url = f"http://127.0.0.1:{free_port()}/api"
    (tmp_path / "profiles.toml").write_text(f'active = "team"\n[profiles.team]\nPREFECT_API_URL = "{url}"\n')
    done = shardwise(command, cwd=tmp_path, PREFECT_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"shardwise: no Prefect API answers at {url}, which Prefect's settings name")
    assert "temporary server, which takes" not in done.stderr


def test_address_without_api(tmp_path: Path) -> None:
    """An address that lacks /api gets that as a hint."""
    url = f"http://127.0.0.1:{free_port()}"
    done = shardwise("recover", cwd=tmp_path, PREFECT_HOME=str(tmp_path), PREFECT_API_URL=url)
    assert done.returncode == 1
    assert f"Prefect's API is usually at {url}/api" in done.stderr


def test_a_server_with_a_password(tmp_path: Path) -> None:
    """Without the password the variable that holds it is named."""
    with running_server(tmp_path, PREFECT_SERVER_API_AUTH_STRING="user:secret") as server:
        settings = {"PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": server.api_url}
        for command in ("run", "recover"):
            refused = shardwise(command, cwd=tmp_path, **settings)
            assert refused.returncode == 2
            said = f"shardwise: the Prefect server at {server.api_url} does not let this client in (401): "
            assert refused.stderr.startswith(f"{said}set PREFECT_API_AUTH_STRING")
        welcome = shardwise("recover", cwd=tmp_path, PREFECT_API_AUTH_STRING="user:secret", **settings)
        assert welcome.returncode == 0, welcome.stderr


def test_recover_needs_a_server(tmp_path: Path) -> None:
    """Without any server in the settings there is nothing to recover on: wrong use, said in one sentence."""
    done = shardwise("recover", cwd=tmp_path, PREFECT_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("shardwise: Prefect's settings name no server: set PREFECT_API_URL")
