"""DuckDB connections as the merge uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def connect(**config: str) -> duckdb.DuckDBPyConnection:
    """A database in memory that computes on one thread and has none to read ahead.

    It prints nothing and gives 128-bit numbers to Arrow as they are.

    Args:
        config: More of DuckDB's settings, such as ``memory_limit``.
    """
    import duckdb

    connection = duckdb.connect(config={"threads": 1, "async_threads": 0, **config})
    connection.execute("set arrow_lossless_conversion = true")
    connection.execute("set enable_progress_bar = false")  # after two seconds it is printed among the result
    return connection
