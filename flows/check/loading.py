"""Finds and imports the job of a reference, ``file.py:name`` or ``module:name``, as its own process would."""

from __future__ import annotations

import importlib
import importlib.util
import operator
import sys
import traceback
from typing import TYPE_CHECKING, TypeVar

from shared.run.errors import TerminalError
from shared.tracing.own_code import INSTALLED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import ModuleType

    Kinds = Mapping[str, Callable[[object], bool]]

T = TypeVar("T")

OURS = ("flows", "shared")  # a job may have packages of these names


def load(reference: str, folder: Path, kinds: Kinds) -> tuple[object, str]:
    """Return the job, and its name in this process.

    Args:
        reference: The user's reference.
        folder: Where the job runs.
        kinds: The kinds of jobs by title: functions that recognise them.

    Raises:
        TerminalError: The file, module or name does not exist, or the import fails.
    """
    place, _, name = reference.rpartition(":")
    if not place or not name:
        raise TerminalError(
            f"the target is {reference!r:.200}; it must be like etl.py:nightly or my_team.clicks:pipeline"
        )
    module = _from_file(folder / place) if _is_file(place) else _from_module(place, folder)
    try:
        thing: object = operator.attrgetter(name)(module)
    except AttributeError:
        raise TerminalError(f"{place} has no {name}; {_candidates(module, kinds)}") from None
    if not any(is_one(thing) for is_one in kinds.values()):
        what = " nor ".join(f"{'an' if title[0] in 'aeiou' else 'a'} {title}" for title in kinds)
        raise TerminalError(f"{reference} is neither {what}, but {thing!r:.80}; {_candidates(module, kinds)}")
    return thing, f"{module.__name__}:{name}"


def _is_file(place: str) -> bool:
    return place.endswith(".py") or "/" in place


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise TerminalError(f"there is no file {path}")
    _put_first(path.parent)
    name = path.stem
    if not name.isidentifier() or name in sys.modules or name in sys.stdlib_module_names:
        name = f"checked_{''.join(letter if letter.isalnum() else '_' for letter in name)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TerminalError(f"{path} is not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    loader = spec.loader
    _imported(lambda: loader.exec_module(module), path.name)
    return module


def _from_module(name: str, folder: Path) -> ModuleType:
    _put_first(folder)
    return _imported(lambda: importlib.import_module(name), name)


def _put_first(folder: Path) -> None:
    """Import from a folder first, including packages with names of this project."""
    sys.path.insert(0, str(folder))
    for name in OURS:
        if (theirs := folder / name).is_dir() and (ours := sys.modules.get(name)):
            ours.__path__.append(str(theirs))


def _imported(action: Callable[[], T], name: str) -> T:
    """Return the result of an import, or its error with the line that raised it."""
    try:
        return action()
    except (Exception, SystemExit) as error:
        raise TerminalError(f"{name} cannot be imported: {_where(error)}") from error


def _where(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.msg} ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [each for each in frames if not each.filename.startswith(("<frozen", __file__, *INSTALLED))]
    at = f" ({theirs[-1].filename}, line {theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {error}{at}"


def _candidates(module: ModuleType, kinds: Kinds) -> str:
    found = [
        f"the {title} {name}"
        for name, thing in vars(module).items()
        for title, is_one in kinds.items()
        if is_one(thing)
    ]
    return f"it has {', '.join(found)}" if found else f"it has no {', no '.join(kinds)}"
