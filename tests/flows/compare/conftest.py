"""Session and an undisturbed run for all cells of the tests; a cell runs once, however many tests read it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from flows.commands.compare import find_columns
from flows.compare.observe.cells import run_cell
from flows.compare.observe.context import ComparisonContext, context_for, context_of
from flows.compare.options import Options, RetryOptions
from flows.engine.column import not_observable
from flows.engine.session import Session
from flows.local import ENGINE as LOCAL
from flows.registry import COLUMNS
from shared.run.cores import cores
from tests.flows.compare.known import SCENARIOS
from tests.sharing import shared_fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flows.compare.record.observed import Cell

WAIT_SCALE = 0.05  # of the policy's 2, 3 and 4.5 s
SLOW_SHARDS, FEW = {"prefect-dask", "prefect-per-shard"}, 3  # columns whose shards take seconds each; how many they get


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``engine`` runs on each column that its mark ``on`` names, as far as ``--engines`` has it."""
    if "engine" in metafunc.fixturenames:
        wanted = next(metafunc.definition.iter_markers("on")).args
        names = {column.name for column in find_columns(metafunc.config.getoption("--engines"))}
        metafunc.parametrize("engine", [name for name in wanted if name in names])


@shared_fixture
def context(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ComparisonContext]:
    """What all cells share, with short waits."""
    folder = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch, Session(folder, cores()) as session:
        patch.delenv("PREFECT_API_URL", raising=False)
        columns = find_columns(request.config.getoption("--engines"))
        session.absent = not_observable(columns, session)
        for column in columns:
            if column.name not in session.absent:
                column.serving(session).prepare()
        yield context_of(session, folder, Options(retry=RetryOptions(wait_scale=WAIT_SCALE)), LOCAL)


@pytest.fixture(scope="package")
def cell_of(context: ComparisonContext) -> Callable[[str, str], Cell]:
    """Runs a scenario on a column, once."""
    few = cache(lambda: context_for(context, replace(SCENARIOS["nothing_breaks"], shards=FEW)))

    @cache
    def observed(scenario: str, column: str) -> Cell:
        slow = column in SLOW_SHARDS
        asked = replace(SCENARIOS[scenario], shards=FEW if slow else None)
        return run_cell(few() if slow else context, asked, COLUMNS[column], 1)

    return observed


@pytest.fixture
def run(context: ComparisonContext, engine: str, cell_of: Callable[[str, str], Cell]) -> Callable[[str], Cell]:
    """Runs a scenario on this test's engine, which must do as expected."""

    def on_engine(scenario: str) -> Cell:
        if reason := context.session.absent.get(engine):
            pytest.skip(f"not observed: {reason}")
        cell = cell_of(scenario, engine)
        assert cell.judgement.mismatches == ()
        return cell

    return on_engine
