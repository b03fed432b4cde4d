"""Workers do not run the main module of the process that starts them.

``multiprocessing`` runs that module again in each new process, except what its guard excludes. The process that starts
our workers may be a web server, a notebook or a prompt, whose module we do not know and need not have. There is no
public switch. https://github.com/python/cpython/issues/137996 describes the same second run of the main module.
"""

from __future__ import annotations

from multiprocessing import spawn


def leave_out() -> None:
    """Skip it in the processes that this one, a fork server, forks."""
    spawn._fixup_main_from_name = _skip  # type: ignore[attr-defined] # noqa: SLF001
    spawn._fixup_main_from_path = _skip  # type: ignore[attr-defined] # noqa: SLF001


def _skip(_main: str) -> None:
    pass
