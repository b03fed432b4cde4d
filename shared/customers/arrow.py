"""Converts pandas columns to Arrow arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def arrow(column: pd.Series) -> pa.Array:
    """Return a column as one Arrow array, without a copy if possible; a category becomes a dictionary of strings."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(column.dtype, pd.CategoricalDtype):
        words = pd.Categorical(column)
        categories = pa.array(words.categories, pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(words.codes, mask=words.codes < 0), categories)
    found = pa.array(column)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
