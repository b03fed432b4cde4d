"""The ``shardwise`` command as a person runs it: another process, another folder, an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SHARDWISE = str(Path(sys.executable).with_name("shardwise"))
OURS = ("SHARDWISE_", "PREFECT_", "RENDER")
TUTORIAL = {"DATA_DIR", "NUM_SHARDS"}


def environment(**settings: str) -> dict[str, str]:
    """The environment of this process without this project's settings, then the given settings."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(OURS) and name not in TUTORIAL
    }
    return inherited | {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"} | settings


def shardwise(*arguments: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder until it ends."""
    return subprocess.run(
        [SHARDWISE, *arguments],
        cwd=cwd,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
