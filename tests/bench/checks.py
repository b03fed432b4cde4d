"""Part "check": how long `shardwise check` takes for five tasks of ten lines, as a flow and as a pipeline.

Each is checked once, as that takes minutes; the time is that of the whole command, which starts a Prefect server.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench.rows import Asked, Row, row
from tests.command import SHARDWISE, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = ("five_tasks.py", "five_tasks_flow.py")
CHECKS = {
    "five tasks as a flow, crashes": ("five_tasks_flow.py:nightly", "--only", "crash"),
    "five tasks as a flow": ("five_tasks_flow.py:nightly",),
    "five tasks as a pipeline": ("five_tasks.py:nightly",),
}


def rows(_: Asked) -> Iterator[Row]:
    """The seconds of each check; SystemExit where one does not find the tasks safe."""
    for what, arguments in CHECKS.items():
        with TemporaryDirectory(prefix="bench-check-") as folder:
            began = time.monotonic()
            experiments = _experiments(Path(folder), *arguments)
            seconds = time.monotonic() - began
        yield row("check", what, wall_s=seconds, experiments=experiments, each_s=seconds / experiments)


def _experiments(folder: Path, *arguments: str) -> int:
    """How many a check of the tasks makes."""
    (folder / "out").mkdir()
    for name in SOURCES:
        shutil.copy(Path(__file__).with_name(name), folder / name)
    command = [SHARDWISE, "check", *arguments, "--watch", "shop.db", "--watch", "out/", "--json"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[:2000]}{done.stderr}")
    return len(json.loads(done.stdout)["trials"])
