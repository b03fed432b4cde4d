"""State that only a team's own function can read: ``module:function``, called in a process of its own, returns JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.run.errors import TerminalError
from shared.state.table import from_json

if TYPE_CHECKING:
    from pathlib import Path

    from shared.state.table import State

TIMEOUT = 60.0  # seconds
CALL = """
import importlib, json, operator, os, sys
sys.path.insert(0, os.getcwd())
module, _, name = sys.argv[1].partition(":")
answer, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr
json.dump(operator.attrgetter(name)(importlib.import_module(module))(), answer)
"""


@dataclass(frozen=True)
class Function:
    """See ``Source``."""

    name: str
    folder: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """Nobody but the team knows."""
        return ()

    @property
    def elsewhere(self) -> bool:
        """It may be."""
        return True

    def read(self) -> State:
        """What it returns: lists of objects as tables of records, all else as one row of values."""
        command = [sys.executable, "-c", CALL, self.name]
        try:
            done = subprocess.run(
                command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=TIMEOUT
            )
        except subprocess.TimeoutExpired as error:
            raise TerminalError(f"--watch {self.name} did not return within {TIMEOUT:g} s") from error
        if done.returncode:
            last = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
            raise TerminalError(f"--watch {self.name} cannot be read: {last}")
        try:
            tables = from_json(json.loads(done.stdout))
        except ValueError as error:
            raise TerminalError(f"--watch {self.name} returned what is not JSON: {done.stdout[:80]!r}") from error
        return {f"{self.name}: {name}" if name else self.name: table for name, table in tables.items()}
