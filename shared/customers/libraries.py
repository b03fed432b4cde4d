"""Imports everything that the steps of a run need, for processes that start before their work is known."""

# ruff: noqa: F401 — what counts is that it is imported

import duckdb
import fsspec.implementations.local
import numpy as np
import pandas as pd
import pyarrow.pandas_compat
import pyarrow.parquet
import pyarrow.vendored.version

import shared.customers.shard
import shared.customers.source_files
import shared.customers.stage
import shared.customers.summary
