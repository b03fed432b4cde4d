"""The copy of the watched state in the job's folder, which a later check finds after a ``kill -9``."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shared.run.errors import TerminalError
from shared.state.saved import Saved

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.check.watching import Watched

FOLDER = Path(".shardwise") / "check"  # the copy's folder in the job's folder; such folders are never watched


def save(watched: Watched, target: str) -> Saved:
    """Copy the state on this machine; a TerminalError if that fails."""
    folder = _folder(watched.folder)
    facts = {"pid": os.getpid(), "target": target, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        return Saved.save(watched.paths, folder, facts)
    except FileExistsError as error:  # its copy, which stays
        raise TerminalError(f"another check has just started in {watched.folder}") from error
    except OSError as error:
        Saved(folder, []).forget()
        raise TerminalError(f"the watched state cannot be copied to {folder}: {error}") from error


def find_leftover(job: Path) -> Saved | None:
    """Return what an earlier check of a job in this folder saved and did not restore.

    Raises:
        TerminalError: A check is running here.
    """
    folder = _folder(job)
    saved = Saved.find(folder)
    if saved is None:
        Saved(folder, []).forget()  # it was killed before its copy was complete, and so before anything ran
        return None
    if _alive(saved.facts()["pid"]):
        raise TerminalError(f"a check is running in {job} already, as process {saved.facts()['pid']}")
    return saved


def offer(leftover: Saved, restore: Callable[[str], bool]) -> None:
    """Restore what a killed check left, if the user agrees; otherwise keep the copy.

    Args:
        leftover: The earlier check's copy.
        restore: Asks the user, with a sentence about the copy.
    """
    facts, changed = leftover.facts(), leftover.changed()
    if not changed:
        leftover.forget()
        return
    names = ", ".join(str(path) for path in changed)
    if restore(f"A check of {facts['target']} at {facts['at']} was killed before it restored {names}."):
        leftover.restore()
        leftover.forget()
        return
    kept = leftover.folder.with_name(f"{leftover.folder.name}-{facts['at'].replace(':', '')}")
    leftover.folder.rename(kept)


def _folder(job: Path) -> Path:
    return job / FOLDER / "saved"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()
