"""Computes the text and the hash of a row, from which keys and digests are made.

A cell's text: a missing cell is U+0000, whole numbers are decimal, dates ISO 8601, other numbers the shortest decimal
that reads back the same, with a point or exponent (``83.0``), and text is verbatim. A row's text is its cells' texts in
schema order, the customer_id left out, joined by U+001F. Where one of them holds U+001F itself, another U+001F and the
lengths of all of them in bytes, joined by commas, are added, so that no two rows have one text.
"""

from __future__ import annotations

import hashlib
import re
from functools import reduce
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

ROW_HASH = "row_hash"  # the column of staged rows with the md5 of the row's text
HASH_BYTES = 16
SEPARATOR = "\x1f"
MISSING = "\x00"


def row_hash(cells: Iterable[object]) -> bytes:
    """Return the md5 of a row's text; cells are None, int, float, date or str. ``row_text_sql`` gives the same text."""
    texts = [MISSING if cell is None else str(cell) for cell in cells]
    text = SEPARATOR.join(texts)
    if text.count(SEPARATOR) >= len(texts):  # the lengths of the texts keep rows apart
        text += SEPARATOR + ",".join(str(len(each.encode())) for each in texts)
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def row_text_sql(texts: Iterable[str]) -> str:
    """A row's text from columns or expressions with its cells' texts; none of them may contain U+001F."""
    return f"concat_ws(chr(31), {', '.join(f'coalesce({text}, chr(0))' for text in texts)})"


def row_hashes(cells: Sequence[pa.Array], md5s: pa.Array) -> pa.Array:
    """Return the hash of each of some rows.

    Args:
        cells: The columns of the rows, in hash order.
        md5s: The md5 of ``row_text_sql``, which is the hash of every row without U+001F in a cell.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [column for column in cells if pa.types.is_string(column.type)]
    if not any(_holds_separator(column) for column in texts):
        return md5s
    special = reduce(pc.or_, (pc.match_substring(column, SEPARATOR).fill_null(False) for column in texts))  # noqa: FBT003
    rows = zip(*(column.filter(special).to_pylist() for column in cells), strict=True)
    return pc.replace_with_mask(md5s, special, pa.array(map(row_hash, rows), md5s.type))


def _holds_separator(column: pa.Array) -> bool:
    """Whether a text contains U+001F. A search in all bytes at once is much faster than one in each cell."""
    data = column.buffers()[2]
    return data is not None and re.search(SEPARATOR.encode(), data) is not None
