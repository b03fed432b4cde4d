"""A real PostgreSQL server for a test: its own data, a free port of loopback, an unprivileged user, gone afterwards."""

from __future__ import annotations

import os
import pwd
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.deployments.needs import program
from tests.prefect_server import free_port, reap
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN = "usr/lib/postgresql/*/bin"
OWNER = "postgres"


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of an empty database, as Prefect takes it."""
    initdb, postgres, isready = (program(name, "postgresql", DEBIAN) for name in ("initdb", "postgres", "pg_isready"))
    user = _unprivileged()
    # Not below pytest's folder, which only its owner may enter.
    with TemporaryDirectory(prefix="shardwise-postgres-", ignore_cleanup_errors=True) as folder:
        if user:
            os.chown(folder, user, -1)
        data, port, log = f"{folder}/data", str(free_port()), Path(folder) / "log"
        subprocess.run(
            [initdb, "--pgdata", data, "--username", OWNER, "--auth", "trust", "--no-sync"],
            user=user,
            cwd=folder,
            check=True,
            capture_output=True,
        )
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [postgres, "-D", data, "-p", port, *options],
                user=user,
                cwd=folder,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                wait_until(lambda: _is_ready(isready, port), timeout=60, what=f"PostgreSQL: {log.read_text()}")
                yield f"postgresql+asyncpg://{OWNER}@127.0.0.1:{port}/{OWNER}"
            finally:
                reap(process)


def _unprivileged() -> int | None:
    """Whose process it must be where this one is root's; None where it need not change."""
    return pwd.getpwnam(OWNER).pw_uid if os.geteuid() == 0 else None


def _is_ready(isready: str, port: str) -> bool:
    return subprocess.run([isready, "-h", "127.0.0.1", "-p", port], check=False, capture_output=True).returncode == 0
