"""Apps that call ``app.start()`` without a guard, as the SDK's own example does, can be imported by the fork server.

``app.start()`` connects to the socket that the server gives a worker, and fails without one, so such an app cannot be
imported before there is a task to run. The SDK has no public switch for this, and no issue asks for one. The subject of
a comparison is not affected: a worker, which has a mode, calls the SDK's function.
"""

from __future__ import annotations

import functools
import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class AppStartedError(BaseException):
    """The app has come to the call that starts it, which has nothing to start in this process."""


def end_import_at_start() -> None:
    """Have ``start`` raise ``AppStartedError`` where there is no mode; a forked worker, which has one, starts."""
    app = importlib.import_module("render.workflows.app").Workflows
    app.start = _guarded(app.start)
    start = _guarded(importlib.import_module("render.workflows.runner").start)
    for module in ("render", "render.workflows", "render.workflows.runner"):
        vars(importlib.import_module(module))["start"] = start


def _guarded(start: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(start)
    def started(*arguments: object) -> None:
        if "RENDER_SDK_MODE" not in os.environ:
            raise AppStartedError
        start(*arguments)

    return started
