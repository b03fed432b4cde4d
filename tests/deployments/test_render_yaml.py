"""The Blueprint: its fields, what it names, and its commands, started as Render would."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from render import Workflows

from tests.command import environment
from tests.deployments.postgres import running_postgres
from tests.local_http import answers, request
from tests.prefect_server import ROOT, STARTED, free_port, started
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers

BIN = Path(sys.executable).parent

# Field names of Render's Blueprint reference as of September 2026, as far as a Python service can use them.
ROOT_FIELDS = {"services", "databases", "envVarGroups", "projects", "ungrouped", "previews"}
SERVICE_FIELDS = {
    *("type", "name", "runtime", "region", "repo", "branch", "rootDir", "buildCommand", "startCommand", "envVars"),
    *(
        "autoDeployTrigger",
        "buildFilter",
        "preDeployCommand",
        "numInstances",
        "scaling",
        "disk",
        "maxShutdownDelaySeconds",
    ),
}
OF_TYPE = {"workflow": set[str](), "worker": {"plan"}, "web": {"plan", "healthCheckPath", "domains", "ipAllowList"}}
DATABASE_FIELDS = {
    "name",
    "plan",
    "region",
    "databaseName",
    "user",
    "postgresMajorVersion",
    "ipAllowList",
    "diskSizeGB",
}
VARIABLE_FIELDS = {"key", "value", "sync", "generateValue", "fromDatabase", "fromService", "fromGroup"}
PASSWORD = "admin:secret"  # noqa: S105 — of a server on loopback, for the time of a test


@pytest.fixture(scope="module")
def blueprint() -> dict[str, Any]:
    """The file as Render reads it."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deployments/render.yaml").read_text())
    return loaded


def test_fields_are_known(blueprint: dict[str, Any]) -> None:
    """Only fields of the reference, and no plan for the workflow, whose tasks have theirs."""
    assert set(blueprint) <= ROOT_FIELDS
    for service in blueprint["services"]:
        assert set(service) <= SERVICE_FIELDS | OF_TYPE[service["type"]], service["name"]
    for database in blueprint["databases"]:
        assert set(database) <= DATABASE_FIELDS
    for variable in _variables(blueprint):
        assert set(variable) <= VARIABLE_FIELDS
        assert isinstance(variable.get("value", ""), str), variable


def test_the_workflow_names_its_repository(blueprint: dict[str, Any]) -> None:
    """Render refuses a workflow without one; the file has a place to put it, which no real account has."""
    assert _service(blueprint, "workflow")["repo"] == "https://github.com/YOUR-ACCOUNT/shardwise"


def test_references_lead_somewhere(blueprint: dict[str, Any]) -> None:
    """Every database, service and group that is named is declared."""
    services = {service["name"] for service in blueprint["services"]}
    databases = {database["name"] for database in blueprint["databases"]}
    groups = {group["name"] for group in blueprint["envVarGroups"]}
    for variable in _variables(blueprint):
        assert variable.get("fromGroup") in {None, *groups}
        assert variable.get("fromService", {}).get("name") in {None, *services}
        assert variable.get("fromDatabase", {}).get("name") in {None, *databases}


def test_services_are_built_from_the_root(blueprint: dict[str, Any]) -> None:
    """Every service has the whole repository, and installs an extra and constraints that exist."""
    extras = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    for service in blueprint["services"]:
        words = shlex.split(service["buildCommand"])
        assert "rootDir" not in service
        assert (ROOT / words[words.index("--constraint") + 1]).is_file()
        assert words[-1] in {".", *(f".[{extra}]" for extra in extras)}


def test_workflow_command_finds_the_tasks(blueprint: dict[str, Any]) -> None:
    """The workflow's start command names a program of the SDK and an app with the merge's tasks."""
    program, target = _service(blueprint, "workflow")["startCommand"].split()
    module, name = target.split(":")
    assert (BIN / program).is_file()
    assert isinstance(getattr(importlib.import_module(module), name), Workflows)


@pytest.mark.timeout(240)
def test_server_and_worker_start(blueprint: dict[str, Any], tmp_path: Path) -> None:
    """With the variables Render sets, the server serves PostgreSQL behind its password and the worker deploys to it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    common = {"PREFECT_HOME": str(tmp_path), "PATH": f"{BIN}:{os.environ['PATH']}"}
    with running_postgres() as database:
        of_server = {
            "DATABASE_URL": database.replace("+asyncpg", ""),
            "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
            "RENDER_EXTERNAL_URL": url,
            "PORT": str(port),
        }
        of_worker = {"SERVER_HOSTPORT": f"127.0.0.1:{port}", "PREFECT_API_AUTH_STRING": PASSWORD}
        with started(_shell(blueprint, "web"), tmp_path / "server.log", environment(**common, **of_server)):
            health = url + _service(blueprint, "web")["healthCheckPath"]
            wait_until(lambda: answers(health), timeout=STARTED, what=f"the server; see {tmp_path}/server.log")
            assert httpx.post(f"{url}/api/deployments/filter", json={}).status_code == httpx.codes.UNAUTHORIZED
            with started(_shell(blueprint, "worker"), tmp_path / "worker.log", environment(**common, **of_worker)):
                wait_until(lambda: _workers(url), timeout=STARTED, what=f"the worker; see {tmp_path}/worker.log")
            deployed = httpx.post(f"{url}/api/deployments/filter", json={}, auth=("admin", "secret")).json()
    assert {deployment["name"] for deployment in deployed} >= {"customers-sample", "customers-scheduled"}


def _service(blueprint: dict[str, Any], kind: str) -> dict[str, Any]:
    (service,) = (service for service in blueprint["services"] if service["type"] == kind)
    found: dict[str, Any] = service
    return found


def _shell(blueprint: dict[str, Any], kind: str) -> list[str]:
    return ["/bin/sh", "-c", _service(blueprint, kind)["startCommand"]]


def _variables(blueprint: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for owner in [*blueprint["services"], *blueprint["envVarGroups"]]:
        yield from owner["envVars"]


def _workers(url: str) -> bool:
    found = request("POST", f"{url}/api/work_pools/shardwise/workers/filter", json={}, auth=("admin", "secret"))
    return found.status_code == httpx.codes.OK and any(worker["status"] == "ONLINE" for worker in found.json())
