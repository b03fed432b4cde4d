"""``shardwise run`` on a Prefect server that runs: its result, and what it leaves out to be there sooner."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.command import SHARDWISE
from tests.golden import GOLDEN_DIGEST

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefect_server import PrefectServer


def test_a_run_imports_no_web_framework(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Prefect imports FastAPI to turn parameters into JSON; ours are."""
    command = [
        sys.executable,
        "-X",
        "importtime",
        SHARDWISE,
        "run",
        "--json",
        "--store",
        str(tmp_path),
        "--shards",
        "7",
    ]
    ended = subprocess.run(
        command, env=prefect_server.environment(), cwd=tmp_path, capture_output=True, text=True, check=True, timeout=110
    )
    imported = {
        line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")
    }
    assert "prefect.task_engine" in imported
    assert "fastapi" not in imported
    result = json.loads(ended.stdout)
    assert result["digest"] == GOLDEN_DIGEST
    assert prefect_server.flow_run(result["run_id"])["parameters"]["num_shards"] == 7
