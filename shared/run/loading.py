"""Finds a pipeline by its reference ``module:object``, and imports only what the environment of this process allows."""

from __future__ import annotations

import importlib
import os
import re
import sys
import sysconfig
import traceback
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from shared.run.errors import TerminalError
from shared.run.settings import REFERENCE, Settings, variable_of

if TYPE_CHECKING:
    from pathlib import Path

    from shared.run.pipeline import Pipeline

CUSTOMERS = "shared.customers.pipeline:pipeline"  # the default, always allowed
OURS = {"flows", "shared"}  # packages that a team's own cannot be named like
_LIBRARIES = tuple({f"{sysconfig.get_path(kind)}/" for kind in ("stdlib", "platstdlib", "purelib", "platlib")})
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")


def allow(reference: str, folder: Path) -> None:
    """Allow a pipeline that the person at the command named, here and in the processes that are started from here.

    Args:
        reference: The pipeline.
        folder: Where it may be, besides everything that is installed.

    Raises:
        TerminalError: It is no reference.
    """
    if not REFERENCE.fullmatch(reference):
        raise TerminalError(f"the pipeline is {reference!r:.200}; it must be like my_team.clicks:pipeline")
    path = dict.fromkeys([*Settings.read().pipeline_path, str(folder)])
    os.environ[variable_of("pipeline_path")] = os.pathsep.join(path)
    if reference not in allowed_pipelines():
        os.environ |= environment_for(*Settings.read().pipelines, reference)


def environment_for(*references: str) -> dict[str, str]:
    """The variables by which a process that is started from here may import pipelines, and finds them."""
    path = os.pathsep.join(Settings.read().pipeline_path)
    return {variable_of("pipelines"): ",".join(references), variable_of("pipeline_path"): path}


def load_pipeline(reference: str) -> Pipeline:
    """The pipeline of a reference.

    Raises:
        TerminalError: This environment does not allow it, it cannot be imported, or it is no pipeline.
    """
    if reference not in allowed_pipelines():
        raise TerminalError(
            f"the pipeline {reference!r:.200} is not one that this worker may import; allowed are "
            f"{', '.join(allowed_pipelines())} (set {variable_of('pipelines')} where the worker runs)"
        )
    return _load(reference)


def allowed_pipelines() -> list[str]:
    """The references that this process may import, the customer merge first."""
    return list(dict.fromkeys([CUSTOMERS, *Settings.read().pipelines]))


@cache
def _load(reference: str) -> Pipeline:
    module, _, path = reference.partition(":")
    found: Any = _imported(reference, module)
    for name in path.split("."):
        if not hasattr(found, name):
            file = getattr(sys.modules[module], "__file__", None) or "built into Python"
            raise TerminalError(f"the pipeline {reference}: {module} ({file}) has no {path}")
        found = getattr(found, name)
    return _checked(reference, found)


def _imported(reference: str, module: str) -> object:
    # last: no file of a team's folder hides a module of Python, of a library or of ours
    sys.path += [folder for folder in Settings.read().pipeline_path if folder not in sys.path]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise _broken(reference, error) from error
        raise TerminalError(f"the pipeline {reference}: there is no module {error.name}; {_advice(module)}") from error
    except (Exception, SystemExit) as error:
        raise _broken(reference, error) from error


def _advice(module: str) -> str:
    package = module.partition(".")[0]
    if package in OURS:
        return f"{package} is a package of shardwise, so give yours another name"
    return "put its folder on PYTHONPATH, or install it"


def _broken(reference: str, error: BaseException) -> TerminalError:
    """The error of a module that raises while it is imported, with the line that did."""
    told = f"the pipeline {reference} cannot be imported: {type(error).__name__}"
    if isinstance(error, SyntaxError):
        return TerminalError(f"{told}: {error.msg} ({error.filename}, line {error.lineno})")
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [each for each in frames if not each.filename.startswith(("<frozen", __file__, *_LIBRARIES))]
    last = (theirs or frames)[-1]
    return TerminalError(f"{told}: {error} ({last.filename}, line {last.lineno})")


def _checked(reference: str, found: Any) -> Pipeline:  # noqa: ANN401 — anything a module may hold
    if missing := [name for name in ("name", "version", "process_shard", "aggregate") if not hasattr(found, name)]:
        raise TerminalError(f"the pipeline {reference} lacks {', '.join(missing)}; see shared/run/pipeline.py")
    if not isinstance(found.name, str) or not NAME.fullmatch(found.name):
        raise TerminalError(
            f"the pipeline {reference} has the name {found.name!r:.80}; it must be letters, digits and '-', at most 40"
        )
    if not isinstance(found.version, int) or isinstance(found.version, bool) or found.version < 1:
        raise TerminalError(f"the pipeline {reference} has version {found.version!r:.80}; it must be a number from 1")
    return cast("Pipeline", found)
