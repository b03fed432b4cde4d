"""Gets what a pipeline's ``verify`` finds outside the store; the comparison continues whatever it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.run.record import find_record
from shared.run.scratch import scratch

if TYPE_CHECKING:
    from pathlib import Path

    from shared.run.run import Run

TIMEOUT = 60.0  # seconds that one answer may take


@dataclass(frozen=True)
class Verified:
    """The answer of ``verify``.

    Attributes:
        problems: The problems in its words.
        failure: Why there is no answer; empty if there is one, and without ``verify``.
    """

    problems: tuple[str, ...] = ()
    failure: str = ""


def verified(run: Run, timeout: float = TIMEOUT) -> Verified:
    """Call ``verify`` for a run; the result of an unfinished run is empty.

    Args:
        run: The run in its store.
        timeout: The timeout in seconds.
    """
    if run.pipeline.verify is None or find_record(run.store, run.job.run_id) is None:
        return Verified()
    with scratch() as folder:
        answer = str(folder / "answer.json")
        given = {"job": run.job.to_json(), "result": run.result() or {}, "answer": answer, "parent": os.getpid()}
        ended = _asked(given, timeout)
        said = _answer(folder / "answer.json")
    if said is None:
        return Verified(failure=f"verify {ended} and gave no answer")
    return Verified(tuple(said["problems"])) if "problems" in said else Verified(failure=f"verify {said['failed']}")


def _asked(given: dict[str, Any], timeout: float) -> str:
    """Run the process that calls ``verify``; return how it ended."""
    command = [sys.executable, "-P", "-m", "flows.compare.observe.verifier"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            process.communicate(json.dumps(given), timeout)
        except subprocess.TimeoutExpired:
            return f"was stopped after {timeout:g} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return f"ended its process with exit status {process.returncode}"


def _answer(path: Path) -> dict[str, Any] | None:
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return said
