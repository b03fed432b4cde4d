"""Lets the fork server import apps that call ``app.start()`` without a guard, as the SDK's own example does.

``app.start()`` connects to a worker's socket and fails without one, so such an app cannot be imported before there is a
task to run. The SDK has no public switch for this, and no issue asks for one. Comparisons are not affected, because a
worker has a mode and calls the SDK's function.
"""

from __future__ import annotations

import functools
import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class AppStartedError(BaseException):
    """The app has called ``start``, which has nothing to do in this process."""


def end_import_at_start() -> None:
    """Make ``start`` raise ``AppStartedError`` in a process without a mode; a forked worker has a mode and starts."""
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
