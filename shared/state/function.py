"""State that a team's own function reads: ``module:function``, called in a separate process, returns JSON."""

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
    """A ``Source`` for a team's function."""

    name: str
    folder: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """Empty: only the team knows the files."""
        return ()

    @property
    def elsewhere(self) -> bool:
        """True: the state may be on another machine."""
        return True

    def read(self) -> State:
        """Call the function: lists of objects become tables of records, other values one row."""
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
