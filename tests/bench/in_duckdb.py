"""The yardstick's process: one DuckDB query over a data folder into one Parquet file."""

import sys
from pathlib import Path

import duckdb

if __name__ == "__main__":
    data, out = sys.argv[1:]
    query = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    duckdb.sql(query.replace("{data}", data).replace("{out}", out))
