"""The registry of engines. Importing an engine here adds it to the command and to the comparison."""
# ruff: noqa: F401

from __future__ import annotations

from flows.engine.engine import Engine
from flows.local import ENGINE as LOCAL
from flows.on_prefect.engine import ENGINE as PREFECT
from flows.on_render.engine import ENGINE as RENDER

ENGINES = {each.name: each for each in list(vars().values()) if isinstance(each, Engine)}
COLUMNS = {column.name: column for engine in ENGINES.values() for column in engine.columns}
PRICES = tuple(price for engine in ENGINES.values() for price in engine.prices)
