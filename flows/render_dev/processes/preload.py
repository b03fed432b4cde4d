"""What a fork server imports before it forks, and how a forked worker then runs the app; standard library only."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import os
import runpy
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = dict[str, Any]
PRELOAD_NAME = "__preload__"  # the name a main module is executed under for its imports only

_kept: list[JSON] = []  # what was imported stays alive


class CannotForkError(Exception):
    """The app came in, but forking this process would not be safe."""


class _AppStartedError(BaseException):
    """The app has come to the call that starts it, which has nothing to start in this process."""


def preload(spec: JSON) -> None:
    """Import what every worker of a launch spec imports.

    Raises:
        CannotForkError: A second execution, as the main module, would register tasks twice.
    """
    sys.argv = spec["argv"]
    sys.path.insert(0, spec["path"])
    _end_import_at_start()
    with contextlib.suppress(_AppStartedError):
        run_target(spec, PRELOAD_NAME)
    if "shared" in sys.modules:  # an app of this project: its workers need what its steps do
        with contextlib.suppress(ImportError, AttributeError):
            importlib.import_module("shared.run.steps").preload()
    _preload_sdk(main_module=spec["kind"] != "app")


def _end_import_at_start() -> None:
    """Let an app call `app.start()` without a guard: an import ends there, and a worker, which has a mode, starts."""

    def guarded(start: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(start)
        def started(*arguments: object) -> None:
            if "RENDER_SDK_MODE" not in os.environ:
                raise _AppStartedError
            start(*arguments)

        return started

    app = importlib.import_module("render.workflows.app").Workflows
    app.start = guarded(app.start)
    start = guarded(importlib.import_module("render.workflows.runner").start)
    for module in ("render", "render.workflows", "render.workflows.runner"):
        vars(importlib.import_module(module))["start"] = start


def _preload_sdk(*, main_module: bool) -> None:
    importlib.import_module("concurrent.futures.thread")
    importlib.import_module("render.version").get_user_agent()
    registry = importlib.import_module("render.workflows.task").get_task_registry()
    if main_module and registry.get_task_names():
        raise CannotForkError("the app registers tasks globally (render.task), which works once per process")


def run_target(spec: JSON, name: str) -> None:
    """Run the target of a launch spec under a module name: `__main__` to work, anything else to import only."""
    target = spec["target"]
    if spec["kind"] == "module":
        _kept.append(runpy.run_module(target, run_name=name, alter_sys=True))
    elif spec["kind"] == "file":
        _kept.append(runpy.run_path(target, run_name=name))
    elif name == "__main__":
        importlib.import_module("render.workflows.cli").main()
    else:
        if "" not in sys.path:
            sys.path.insert(0, "")
        module, _, app = target.rpartition(":")
        _kept.append({"start": getattr(importlib.import_module(module), app).start})


def project_files(spec: JSON) -> dict[str, list[int]]:
    """Stamp every imported file that a user may edit: all but the standard library and installed packages."""
    installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    if spec["kind"] == "file":
        files.add(spec["target"])
    elif spec["kind"] == "module":
        found = importlib.util.find_spec(spec["target"])
        if found and found.submodule_search_locations:  # a package runs its __main__
            found = importlib.util.find_spec(f"{spec['target']}.__main__")
        files.add(found and found.origin)
    own = [str(Path(file).absolute()) for file in files if file]
    stamps = {}
    for file in own:
        if (
            not any(file.startswith(folder + os.sep) for folder in installed)
            and "site-packages" not in Path(file).parts
        ):
            with contextlib.suppress(OSError):
                facts = Path(file).stat()
                stamps[file] = [facts.st_mtime_ns, facts.st_size]
    return stamps
