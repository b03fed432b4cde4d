"""Containers without Docker: podman behind its socket, and a base image that needs no registry."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.prefect_server import ROOT, started
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = ("podman", "crun", "debootstrap", "unshare")
DEBIAN = "bookworm"  # from debootstrap's own mirror
UNIFIED = Path("/sys/fs/cgroup/unified")  # a second hierarchy beside the first, which crun takes for the only one
BASE = "FROM localhost/debian\nRUN python3 -m venv /venv\nENV PATH=/venv/bin:$PATH\n"
# No cgroups and no network of their own: what a container in a small virtual machine can have.
CONFIGURATION = """
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
netns = "host"
pids_limit = 0
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "file"
compat_api_enforce_docker_hub = false
"""


@dataclass(frozen=True)
class Podman:
    """Podman with images and settings in a folder of the test."""

    folder: Path

    @property
    def socket(self) -> str:
        """Where its service listens, as Docker's clients take it."""
        return f"unix://{self.folder}/socket"

    def command(self, *arguments: str) -> list[str]:
        """A call of podman in a mount namespace of its own; making an image leaves the machine to tests beside it."""
        hide = f"umount {UNIFIED}; " if UNIFIED.exists() else ""
        return ["nice", "unshare", "--mount", "sh", "-c", f'{hide}exec "$0" "$@"', "podman", *arguments]

    def environment(self) -> dict[str, str]:
        """Where its settings are."""
        return os.environ | {
            "CONTAINERS_CONF": f"{self.folder}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{self.folder}/storage.conf",
        }

    def run(self, *arguments: str) -> None:
        """Run it until it ends."""
        command, env = self.command(*arguments), self.environment()
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"podman {arguments[0]}: {done.stdout[-1500:]}{done.stderr[-1500:]}"


@contextmanager
def running_podman() -> Iterator[Podman]:
    """Podman with the image that deployments/Dockerfile makes, and its service; skips where that cannot be."""
    _check_possible()
    with TemporaryDirectory(prefix="sw-podman-", ignore_cleanup_errors=True) as name:
        podman = Podman(Path(name))
        (podman.folder / "containers.conf").write_text(CONFIGURATION)
        root = f'[storage]\ndriver = "overlay"\ngraphroot = "{name}/graph"\nrunroot = "{name}/run"\n'
        (podman.folder / "storage.conf").write_text(root)
        _build(podman)
        service = podman.command("system", "service", "--time", "0", podman.socket)
        with started(service, podman.folder / "service.log", podman.environment()):
            wait_until((podman.folder / "socket").exists, timeout=30, what="podman's socket")
            yield podman


def _check_possible() -> None:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"containers need {', '.join(missing)}: apt-get install podman crun debootstrap")
    if os.geteuid() != 0:
        pytest.skip("a base image is made by debootstrap, which only root can run")


def _build(podman: Podman) -> None:
    """A base image with a Python, and on it the project's."""
    base = podman.folder / "debian"
    made = subprocess.run(
        ["nice", "debootstrap", "--variant=minbase", "--include=python3-venv,ca-certificates", DEBIAN, base],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"debootstrap cannot make a base image: {made.stdout.splitlines()[-1]}")
    podman.run("import", _packed(base), "localhost/debian")
    context = podman.folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(BASE)
    podman.run("build", "--tag", "localhost/python", str(context))
    of_host = ["--volume=/etc/ssl/certs:/etc/ssl/certs:ro", "--volume=/etc/pip.conf:/etc/pip.conf:ro"]
    mounts = [option for option in of_host if Path(option.split("=")[1].split(":")[0]).exists()]
    tags = ["--tag", "localhost/shardwise", "--build-arg", "PYTHON=localhost/python"]
    podman.run("build", "--network", "host", *mounts, *tags, "--file", "deployments/Dockerfile", ".")


def _packed(folder: Path) -> str:
    archive = folder.with_suffix(".tar")
    subprocess.run(["tar", "--create", "--file", archive, "--directory", folder, "."], check=True)
    shutil.rmtree(folder)
    return str(archive)
