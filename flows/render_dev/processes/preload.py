"""Imports an app before the fork server forks, and runs it in a forked worker; standard library only."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import runpy
import sys
import sysconfig
from pathlib import Path
from typing import Any

from flows.render_dev.processes.unguarded_start import AppStartedError, end_import_at_start

JSON = dict[str, Any]
PRELOAD_NAME = "__preload__"  # the name of a main module that is executed for its imports only

_kept: list[JSON] = []  # keeps imported modules alive


class CannotForkError(Exception):
    """The app was imported, but forking this process would not be safe."""


def preload(spec: JSON) -> None:
    """Import what every worker of a launch spec imports.

    Raises:
        CannotForkError: A second execution, as the main module, would register tasks twice.
    """
    sys.argv = spec["argv"]
    if spec["path"]:
        sys.path.insert(0, spec["path"])
    end_import_at_start()
    with contextlib.suppress(AppStartedError):
        run_target(spec, PRELOAD_NAME)
    if "shared" in sys.modules:  # an app of this project; its workers need the imports of its steps
        with contextlib.suppress(ImportError, AttributeError):
            importlib.import_module("shared.run.steps").preload()
    _preload_sdk(main_module=spec["kind"] != "app")


def _preload_sdk(*, main_module: bool) -> None:
    importlib.import_module("concurrent.futures.thread")
    importlib.import_module("render.version").get_user_agent()
    registry = importlib.import_module("render.workflows.task").get_task_registry()
    if main_module and registry.get_task_names():
        raise CannotForkError("the app registers tasks globally (render.task), which works once per process")


def run_target(spec: JSON, name: str) -> None:
    """Run the target of a launch spec as the module `__main__` to work, or under another name to import only."""
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
    """Return the stamps of imported files that a user may edit: not the standard library, no installed packages."""
    installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    if spec["kind"] == "file":
        files.add(spec["target"])
    elif spec["kind"] == "module":
        found = importlib.util.find_spec(spec["target"])
        if found and found.submodule_search_locations:  # for a package, its __main__ is executed
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
