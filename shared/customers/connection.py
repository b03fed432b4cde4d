"""DuckDB connections as the merge uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def connect(**config: str) -> duckdb.DuckDBPyConnection:
    """A database in memory that works on one thread and prints nothing.

    Args:
        config: More of DuckDB's settings, such as ``memory_limit``.
    """
    import duckdb

    connection = duckdb.connect(config={"threads": 1, **config})
    connection.execute("set enable_progress_bar = false")  # after two seconds it is printed among the result
    return connection
