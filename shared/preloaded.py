"""Imports all that a shard needs and does nothing with it, for processes that start before their work is known."""

import duckdb  # noqa: F401
import numpy as np  # noqa: F401
import pandas as pd  # noqa: F401
import pyarrow.compute
import pyarrow.pandas_compat
import pyarrow.parquet  # noqa: F401

import shared.shard  # noqa: F401
