"""Whether a run over a folder gave what it has to: the oracle's result, or one error that says where."""

from __future__ import annotations

import random
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from shared.run.errors import TerminalError
from tests.fuzz.exports import write_exports
from tests.fuzz.mutations import BUFFER
from tests.oracle import Expected, expected
from tests.oracle_csv import LONGEST
from tests.oracle_records import RefusedError
from tests.shared.agreement import assert_same, rejects_of
from tests.shared.runs import Merged, merge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = re.compile(r"^(crm|billing|product|support)([-/][^/]+)?\.csv(\.gz)? in ")
SHORT = 500  # bytes that a record may have, where buffers are small
# What a run refuses though it can be read: headers are read strictly.
STRICTER = ("the header cannot be read",)
# What an error says of a place: a line, or the header, which is one.
PLACE = re.compile(r"\bline \d+|\bbyte \d+|header|lacks the column|has the column|is empty|byte order mark|gzip")


class FuzzError(Exception):
    """An input for which a run gave what it must not; the text has the seed."""


def check(seed: int, folder: Path) -> str:
    """Make the input of a seed, run the merge over it and judge the outcome.

    Args:
        seed: Gives the same input each time.
        folder: Where to; it must not exist.

    Returns:
        What came of it: ``result``, ``rejects`` (a result without some rows) or ``refused``.

    Raises:
        FuzzError: Rows were lost, made up or read otherwise, or an error does not say where.
    """
    draw = random.Random(seed)  # noqa: S311 — not for secrets
    small = draw.random() < 0.5
    write_exports(draw, folder / "data")
    wanted = _wanted(folder / "data", SHORT if small else LONGEST)
    try:
        with _buffers(small=small):
            merged = merge(folder / "data", folder / "store", num_shards=2, max_rejects="100%")
    except TerminalError as error:
        return _judge_error(seed, str(error), wanted)
    except Exception as error:
        raise FuzzError(f"seed {seed}: {type(error).__name__}: {error}") from error
    if isinstance(wanted, RefusedError):
        raise FuzzError(f"seed {seed}: the oracle refuses the file ({wanted}), the run gave a result")
    _judge_result(seed, merged, wanted)
    return "rejects" if wanted.rejects else "result"


@contextmanager
def _buffers(*, small: bool) -> Iterator[None]:
    """Small buffers of DuckDB and of our own survey while the block runs, so that a small file has their ends."""
    if not small:
        yield
        return
    with (
        patch("shared.customers.scan.BUFFER", BUFFER),
        patch("shared.customers.broken.LONGEST_RECORD", SHORT),
        patch("shared.customers.lines.LONGEST_RECORD", SHORT),
        patch("shared.customers.lines.CHUNK", 2 * SHORT),
    ):
        yield


def _wanted(data: Path, longest: int) -> Expected | RefusedError:
    try:
        return expected(data, longest)
    except RefusedError as refused:
        return refused


def _judge_error(seed: int, message: str, wanted: Expected | RefusedError) -> str:
    if not (FILE.match(message) and PLACE.search(message)) or "Traceback" in message:
        raise FuzzError(f"seed {seed}: an error without file and line: {message}")
    if isinstance(wanted, Expected) and not any(allowed in message for allowed in STRICTER):
        raise FuzzError(f"seed {seed}: the oracle reads the file, the run refuses it: {message}")
    return "refused"


def _judge_result(seed: int, merged: Merged, wanted: Expected) -> None:
    try:
        assert_same("profile", merged.profiles, wanted.profiles)
        assert_same("reject", list(map(_comparable, rejects_of(merged))), list(map(_comparable, wanted.rejects)))
        assert {key: merged.result[key] for key in wanted.result} == wanted.result
    except AssertionError as error:
        raise FuzzError(f"seed {seed}: {error}") from error


def _comparable(reject: dict[str, Any]) -> dict[str, Any]:
    """A reject without a value that has bytes that are not text: readers differ in what they show for them."""
    unreadable = reject["reason"] == "not UTF-8" or "\ufffd" in reject["value"] or "?" in reject["value"]
    return reject | {"value": ""} if unreadable else reject
