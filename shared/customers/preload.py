"""Imports all that a run's steps need and does nothing with it, for processes that start before their work is known."""

# ruff: noqa: F401 — what counts is that it is imported

import pandas as pd
import pandas.io.formats.csvs  # type: ignore[import-not-found]  # the stubs leave it out
import pyarrow.pandas_compat
import pyarrow.parquet
import pyarrow.vendored.version

import shared.customers.preload_staging
import shared.customers.shard
import shared.customers.summary
