"""Decides which code is the job's own: the files of its tasks and files next to them or below, but no libraries."""

from __future__ import annotations

import inspect
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, TracebackType

INSTALLED = tuple({f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")})
LIBRARY_FOLDERS = {"site-packages", "dist-packages"}
OURS = str(Path(__file__).resolve().parents[2])  # this project's code takes part in every job and is not tested
MACHINERY = tuple(f"{OURS}/{folder}/" for folder in ("flows", "shared/run", "shared/isolation", "shared/tracing"))


def is_library(file: str) -> bool:
    """Whether a file is installed, or belongs to this project."""
    return file.startswith((*INSTALLED, *MACHINERY)) or bool(LIBRARY_FOLDERS & set(Path(file).parts))


@dataclass
class OwnCode:
    """The files whose lines count.

    Attributes:
        files: Files that count, in any folder.
        folders: Folders whose files all count, except libraries and this project's code.
    """

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    _known: dict[str, bool] = field(default_factory=dict, repr=False)

    def add(self, function: Callable[..., Any]) -> None:
        """Add the file of a function, and all files next to it or below."""
        code: CodeType | None = getattr(inspect.unwrap(function), "__code__", None)
        if code is not None and code.co_filename not in self.files:
            self.files.add(code.co_filename)
            self.folders.add(str(Path(code.co_filename).parent))
            self._known.clear()

    def has(self, code: CodeType) -> bool:
        """Whether the lines of a function count; the body of a module during its import does not."""
        file = code.co_filename
        if (known := self._known.get(file)) is None:
            known = self._known[file] = file in self.files or self._beside(file)
        return known and code.co_name != "<module>"

    def innermost(self, traceback: TracebackType | None) -> str:
        """Where in this code an error was raised, as ``file:line``; empty where it never came through it."""
        at = ""
        while traceback is not None:
            if self.has(traceback.tb_frame.f_code):
                at = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
            traceback = traceback.tb_next
        return at

    def _beside(self, file: str) -> bool:
        return not is_library(file) and any(file.startswith(f"{folder}/") for folder in self.folders)
