"""Opens DuckDB connections for the merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def connect(**config: str) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that computes on one thread.

    It prints no progress and passes 128-bit numbers to Arrow without loss.

    Args:
        config: Additional settings of DuckDB, such as ``memory_limit``.
    """
    import duckdb

    connection = duckdb.connect(config={"threads": 1, "async_threads": 0, **config})
    connection.execute("set arrow_lossless_conversion = true")
    connection.execute("set enable_progress_bar = false")  # otherwise DuckDB prints it to stdout after two seconds
    return connection
