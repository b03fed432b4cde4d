"""Imports all that the staging needs and does nothing with it: pandas takes as long again, and comes meanwhile."""

# ruff: noqa: F401 — what counts is that it is imported

import duckdb
import fsspec.implementations.local
import numpy as np
import pyarrow.compute

import shared.customers.inputs
import shared.customers.rejects
import shared.customers.stage
