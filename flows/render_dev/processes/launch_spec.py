"""Decides for which commands a worker can be forked: our interpreter running an app, a module or a file."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SDK_COMMAND = "render-workflows"
SDK_MODULE = "render.workflows.cli"


@dataclass(frozen=True)
class LaunchSpec:
    """What the fork server imports once, and what each forked worker runs.

    Attributes:
        kind: `app` for `module:attribute`, `module` for `python -m M`, `file` for `python F.py`.
        target: The app, the module or the file.
        argv: `sys.argv` of the worker.
        path: The first entry of the worker's `sys.path`; empty if the interpreter adds none (`-P`, PYTHONSAFEPATH).
    """

    kind: str
    target: str
    argv: list[str]
    path: str

    def as_json(self) -> dict[str, object]:
        """Return it as JSON for the fork server's command line."""
        return asdict(self)


def recognise(command: Sequence[str], env: Mapping[str, str]) -> LaunchSpec | None:
    """Return the launch spec of a command that can be forked, else None.

    Outside Linux, nothing is forked, because system libraries of macOS do not survive a fork without an exec.

    Args:
        command: The words of the command; the first is searched on the path, as in a shell.
        env: The environment of workers.
    """
    found = shutil.which(command[0], path=env.get("PATH"))
    if found is None or sys.platform != "linux":
        return None
    words, safe = list(command[1:]), bool(env.get("PYTHONSAFEPATH"))
    if words[:1] == ["-P"]:
        words, safe = words[1:], True
    here = str(Path.cwd())
    match _is_ours(found), words:
        case "script", [app]:
            return LaunchSpec("app", app, [found, app], here)
        case "interpreter", ["-m", module, app] if module == SDK_MODULE:
            return LaunchSpec("app", app, [module, app], here)
        case "interpreter", ["-m", module, *arguments] if module != SDK_MODULE:
            return LaunchSpec("module", module, [module, *arguments], "" if safe else here)
        case "interpreter", [file, *arguments] if file.endswith(".py") and not file.startswith("-"):
            folder = str(Path(file).resolve().parent)
            return LaunchSpec("file", file, [file, *arguments], "" if safe else folder)
    return None


def _is_ours(found: str) -> str | None:
    """Return which program of our own environment this is; another environment's Python has other packages."""
    program, own = Path(found).absolute(), Path(sys.executable).absolute()
    if program.parent != own.parent:
        return None
    if program.name == SDK_COMMAND:
        return "script"
    return "interpreter" if program.samefile(own) else None
