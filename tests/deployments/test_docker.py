"""A Docker work pool as deployments/docker.yaml has it, on podman."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.deployments.podman import Podman, running_podman
from tests.golden import GOLDEN_DIGEST
from tests.prefect_server import PREFECT, PrefectServer, running_server, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.servers

POOL = "shardwise-docker"


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """Podman with the project's image."""
    with running_podman() as running:
        yield running


@pytest.fixture(scope="module")
def server(podman: Podman, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server with the pool, the deployment and a worker that starts containers."""
    home = tmp_path_factory.mktemp("docker")
    with running_server(home) as server:
        commands = (
            ["--no-prompt", "work-pool", "create", POOL, "--type", "docker"],
            ["--no-prompt", "deploy", "--all", "--prefect-file", "deployments/docker.yaml"],
        )
        for command in commands:
            server.succeed(*command, SHARDWISE_STORE_URL="/store")
        worker = [PREFECT, "worker", "start", "--pool", POOL]
        env = server.environment(DOCKER_HOST=podman.socket, PREFECT_WORKER_QUERY_SECONDS="1")
        with started(worker, home / "worker.log", env):
            yield server


@pytest.mark.timeout(900)  # the first makes the image
def test_store_in_the_container_is_refused(server: PrefectServer) -> None:
    """A store that would end with the container fails the run before any work, and says what to set."""
    run = server.wait_for_state(_start(server, "lost", []), "FAILED", timeout=120)
    assert "the store /store is a folder inside this run's own container" in run["state"]["message"]
    assert "set SHARDWISE_STORE_URL to a bucket" in run["state"]["message"]


def test_store_on_a_volume_is_used(server: PrefectServer, tmp_path: Path) -> None:
    """With a volume at the store the sample is merged in the container, and its result outlives it."""
    server.wait_for_state(_start(server, "kept", [f"{tmp_path}:/store"]), "COMPLETED", timeout=120)
    assert json.loads((tmp_path / "runs/kept/result.json").read_text())["digest"] == GOLDEN_DIGEST


def _start(server: PrefectServer, run_id: str, volumes: list[str]) -> str:
    """A run in a container that reaches the server on this machine; the flow run's id."""
    deployment = server.get("deployments/name/merge-customer-data/docker")["id"]
    variables = {"network_mode": "host", "volumes": volumes}
    given = {"parameters": {"run_id": run_id}, "job_variables": variables}
    flow_run_id: str = server.post(f"deployments/{deployment}/create_flow_run", given)["id"]
    return flow_run_id
