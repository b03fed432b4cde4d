"""Keeps workers from running the main module of the process that starts them.

``multiprocessing`` runs that module again in each new process. The process that starts our workers can be a web server,
a notebook or a prompt, and workers do not need its module. There is no public switch;
https://github.com/python/cpython/issues/137996 describes the problem.
"""

from __future__ import annotations

from multiprocessing import spawn


def leave_out() -> None:
    """Skip the main module in the processes that this one, a fork server, forks."""
    spawn._fixup_main_from_name = _skip  # type: ignore[attr-defined] # noqa: SLF001
    spawn._fixup_main_from_path = _skip  # type: ignore[attr-defined] # noqa: SLF001


def _skip(_main: str) -> None:
    pass
