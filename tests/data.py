"""Small CSV sets: only the cells a test is about are written out, all others are blank."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from shared.customers.schema import KEY, SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

Row = dict[str, str]

COLUMNS = {source.name: [column.name for column in source.columns] for source in SOURCES}


def row(customer_id: str, **cells: str) -> Row:
    """A row of any source: its cells by column name."""
    return {KEY: customer_id, **cells}


def csv_text(source: str, rows: Iterable[Row], *, columns: Sequence[str] = (), newline: str = "\n") -> str:
    """The text of a source's file.

    Args:
        source: Which of the four.
        rows: Cells by column name; blank where a row has none.
        columns: The header; the schema's columns in their order when not given.
        newline: Ends each line.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns) or COLUMNS[source], restval="", lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_sources(folder: Path, **contents: Iterable[Row] | str | bytes) -> Path:
    """Write the four files into a folder, made when needed; a source that is not given has a header and no rows.

    Args:
        folder: Where to.
        contents: By source name, its rows, or what the file holds to the letter.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        content = contents.get(source.name, ())
        if not isinstance(content, str | bytes):
            content = csv_text(source.name, content)
        (folder / source.file).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
