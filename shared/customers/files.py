"""Finds the files of a source in a data folder: one CSV or several parts, plain or compressed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from shared.customers.decoding import COMPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.customers.schema import Source

ENDINGS = (".csv", *(f".csv{ending}" for ending in COMPRESSIONS))
_LIKE_CSV = re.compile(r"\.csv(\.(gz|gzip|zst|zstd|bz2|xz|zip|lz4|7z|z))?$", re.IGNORECASE)


class UnclearFilesError(Exception):
    """The files of a source are ambiguous; the message continues after the folder's name."""


@dataclass(frozen=True)
class Listing:
    """The names in a data folder.

    Attributes:
        files: Names of the files.
        inside: Names in each subfolder that may hold parts, by the subfolder's name; names of folders end with ``/``.
    """

    files: Sequence[str]
    inside: Mapping[str, Sequence[str]]


def single_files(source: Source) -> list[str]:
    """The names that a source in one file can have."""
    return [f"{source.name}{ending}" for ending in ENDINGS]


def files_of(source: Source, listing: Listing) -> list[str]:
    """Return the files of a source, parts ordered by name; empty if there are none.

    Raises:
        UnclearFilesError: There are several ways to read the source, or a file looks like a part and is not one.
    """
    beside = sorted(name for name in listing.files if _is_part(name, f"{source.name}-"))
    inside = [name for name in listing.inside.get(source.name, ()) if not name.startswith(".")]
    within = sorted(f"{source.name}/{name}" for name in inside if _is_part(name, ""))
    ways = [[name] for name in single_files(source) if name in listing.files]
    ways += [parts for parts in (beside, within) if parts]
    if len(ways) > 1:
        raise UnclearFilesError(
            f"has {' and '.join(way[0] for way in ways)}: a source is one file, or parts in one place; remove others"
        )
    files = ways[0] if ways else []
    if files in ([], within) and (folders := [name for name in inside if name.endswith("/")]):
        raise UnclearFilesError(f"has the folder {source.name}/{folders[0]}: parts are directly in {source.name}/")
    _check_names(source, files)
    return files


def lookalike(source: Source, listing: Listing) -> str:
    """Return a hint, as part of a sentence, about a file that may be meant as a missing source; empty without one."""
    for name in sorted([*listing.files, *(f"{folder}/" for folder in listing.inside)]):
        if name.lower() in {*single_files(source), f"{source.name}/"}:
            return f"; {name} is there: rename it to {name.lower()}"
        if name.lower().startswith(source.name) and not name.endswith("/"):
            return f"; {name} is there, which is not read: export it as {source.file}"
    return ""


def _is_part(name: str, beginning: str) -> bool:
    """Whether a name is that of a part, or may be meant as one."""
    return name.lower().startswith(beginning) and not name.startswith(".") and bool(_LIKE_CSV.search(name))


def _check_names(source: Source, files: list[str]) -> None:
    """Refuse a file that would not be read, and a part that is present twice."""
    for name in files:
        if not name.startswith(source.name) or not name.endswith(ENDINGS):
            raise UnclearFilesError(
                f"has {name}, which is not read: the names of parts are as {source.name}-1.csv or {source.name}/1.csv, "
                f"and end in {', '.join(ENDINGS)}; rename it, or remove it"
            )
    for one, other in pairwise(files):
        if other.startswith(f"{one}."):
            raise UnclearFilesError(f"has {one} and {other}: remove one of them")
