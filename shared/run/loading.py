"""Loads a pipeline by its reference, ``module`` or ``module:object``, if this process may import it."""

from __future__ import annotations

import importlib
import os
import re
import sys
import sysconfig
import traceback
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.run.errors import TerminalError
from shared.run.job import CUSTOMERS
from shared.run.pipeline import LoadedPipeline
from shared.run.settings import REFERENCE, Settings, variable_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OURS = {"flows", "shared"}  # packages whose names a team's own packages cannot have
_LIBRARIES = tuple({f"{sysconfig.get_path(kind)}/" for kind in ("stdlib", "platstdlib", "purelib", "platlib")})
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")


def allow(reference: str, folder: Path) -> None:
    """Allow a pipeline that the user named, in this process and in the processes that it starts.

    Args:
        reference: The pipeline.
        folder: A folder to find it in, in addition to installed packages.

    Raises:
        TerminalError: The text is not a reference.
    """
    if not REFERENCE.fullmatch(reference):
        raise TerminalError(
            f"the pipeline is {reference!r:.200}; it must be like my_team.clicks, or my_team.clicks:pipeline"
        )
    path = dict.fromkeys([*Settings.read().pipeline_path, str(folder)])
    os.environ[variable_of("pipeline_path")] = os.pathsep.join(path)
    if reference not in allowed_pipelines():
        os.environ |= environment_for(*Settings.read().pipelines, reference)


def environment_for(*references: str) -> dict[str, str]:
    """Return the variables with which a child process can find and import pipelines."""
    path = os.pathsep.join(Settings.read().pipeline_path)
    return {variable_of("pipelines"): ",".join(references), variable_of("pipeline_path"): path}


def load_pipeline(reference: str) -> LoadedPipeline:
    """Return the pipeline of a reference.

    Raises:
        TerminalError: It is not allowed here, cannot be imported, or is not a pipeline.
    """
    if reference not in allowed_pipelines():
        raise TerminalError(
            f"the pipeline {reference!r:.200} is not one that this worker may import; allowed are "
            f"{', '.join(allowed_pipelines())} (set {variable_of('pipelines')} where the worker runs)"
        )
    return resolve(reference, _found(reference))


def allowed_pipelines() -> list[str]:
    """Return the references that this process may import, the customer merge first."""
    return list(dict.fromkeys([CUSTOMERS, *Settings.read().pipelines]))


@cache
def _found(reference: str) -> Any:  # noqa: ANN401 — anything a module may hold
    module, _, path = reference.partition(":")
    found: Any = _imported(reference, module)
    for name in filter(None, path.split(".")):
        if not hasattr(found, name):
            file = getattr(sys.modules[module], "__file__", None) or "built into Python"
            raise TerminalError(f"the pipeline {reference}: {module} ({file}) has no {path}")
        found = getattr(found, name)
    return found


def _imported(reference: str, module: str) -> object:
    # last, so that no file of a team's folder hides a module of Python, a library or this project
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
    """Return the error for a module that fails during import, with the line that raised."""
    told = f"the pipeline {reference} cannot be imported: {type(error).__name__}"
    if isinstance(error, SyntaxError):
        return TerminalError(f"{told}: {error.msg} ({error.filename}, line {error.lineno})")
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [each for each in frames if not each.filename.startswith(("<frozen", __file__, *_LIBRARIES))]
    last = (theirs or frames)[-1]
    return TerminalError(f"{told}: {error} ({last.filename}, line {last.lineno})")


def resolve(reference: str, found: Any) -> LoadedPipeline:  # noqa: ANN401 — anything a module may hold
    """Return a pipeline with all optional members filled in.

    Raises:
        TerminalError: It lacks a function, or a member has the wrong type.
    """
    if isinstance(found, type):
        raise TerminalError(f"the pipeline {reference} is a class; name an object of it, such as {found.__name__}()")
    given = {each.name: getattr(found, each.name, None) for each in fields(LoadedPipeline)}
    if missing := [name for name in ("process_shard", "aggregate") if given[name] is None]:
        raise TerminalError(f"the pipeline {reference} lacks {', '.join(missing)}; see shared/run/pipeline.py")
    module = reference.partition(":")[0].rpartition(".")[2]
    own = {name: value for name, value in given.items() if value is not None}
    whole: dict[str, Any] = {"name": module.replace("_", "-"), "version": 1} | own
    for name, value in whole.items():
        fits, wanted = _KINDS.get(name, _A_FUNCTION)
        if not fits(value):
            raise TerminalError(f"the pipeline {reference} has the {name} {value!r:.80}; it must be {wanted}")
    return LoadedPipeline(**whole)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_version(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_A_FUNCTION: tuple[Callable[[Any], bool], str] = (callable, "a function")
_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (lambda it: _is_text(it) and bool(NAME.fullmatch(it)), "letters, digits and '-', at most 40"),
    "version": (_is_version, "a number from 1"),
    "staging_version": (_is_version, "a number from 1"),
    "parameters": (lambda _: True, ""),  # shared.run.parameters checks them
    "preload": (lambda it: isinstance(it, tuple | list) and all(map(_is_text, it)), "a tuple of modules' names"),
    "suffix": (_is_text, "a text like '.json'"),
    "output": (_is_text, "the name of a folder"),
}
