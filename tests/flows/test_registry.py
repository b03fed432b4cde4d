"""Engines are registered once: the command, its options and the columns of the comparison follow from that."""

from __future__ import annotations

from flows.commands.run import _OWNERS, EngineName
from flows.registry import COLUMNS, ENGINES


def test_the_command_offers_the_registered_engines() -> None:
    """No list of its own."""
    assert [engine.value for engine in EngineName] == list(ENGINES)


def test_an_option_that_only_one_engine_has_is_a_parameter_of_its_run() -> None:
    """An engine's options are named only in its package."""
    assert _OWNERS == {
        "runner": "prefect",
        "dask_address": "prefect",
        "render_cli": "render",
        "official": "render",
    }


def test_every_column_belongs_to_an_engine_and_can_start_a_run() -> None:
    """A column without a start of its own runs its engine's."""
    assert {column.engine for column in COLUMNS.values()} == set(ENGINES)
    assert all(callable(column.start) for column in COLUMNS.values())
    assert COLUMNS["local"].start is ENGINES["local"].run
