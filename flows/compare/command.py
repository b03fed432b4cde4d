"""``shardwise compare``: runs the cells, shows how far it is, prints the matrix, writes the report."""

from __future__ import annotations

import logging
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import cache, partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import httpx
import typer
from rich.console import Console

from flows.compare.cells import Cell, Place, run_cell
from flows.compare.columns import COLUMNS, Column, find_columns
from flows.compare.reports import write_reports
from flows.compare.scenarios import MIN_SHARDS, find_scenarios
from flows.compare.servers import Servers
from flows.compare.terminal import print_matrix, verdict_line
from flows.exits import FAILED, StoppedError
from flows.local import run_local
from shared.errors import TerminalError, TransientError
from shared.generate import generate
from shared.inputs import Inputs
from shared.isolate import cores
from shared.job import make_job
from shared.policy import FIRST_WAIT, SHARD_POLICY
from shared.run import Run
from shared.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.scenario import Scenario

AS_OF = date(2026, 1, 1)  # of generated data

console = Console(stderr=True)


def compare(  # noqa: PLR0913 — one parameter per option
    *,
    engines: Annotated[str, typer.Option(help="Columns, separated by commas")] = ",".join(COLUMNS),
    scenarios: Annotated[str, typer.Option(help="Names, separated by commas, or all")] = "all",
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each cell, engines interleaved")] = 1,
    data: Annotated[
        str | None, typer.Option(help="Folder of the four CSVs, a path or URL [SHARDWISE_DATA_URL]")
    ] = None,
    shards: Annotated[int, typer.Option(min=MIN_SHARDS, max=1_000)] = 10,
    wait_scale: Annotated[float, typer.Option(min=0, help="Multiplies the policy's waits")] = 1.0,
    out: Annotated[Path, typer.Option(help="Folder for compare.json, report.md, report.html")] = Path(
        "shardwise-report"
    ),
) -> None:
    """Break the same things on every engine, and judge each from the ledger and the store.

    Exit status: 0 as expected everywhere, 1 a cell differs or is silently wrong, 2 it could not run.
    """
    columns, wanted = find_columns(engines), find_scenarios(scenarios)
    logging.getLogger("shardwise").addHandler(logging.NullHandler())  # a cell's log is part of its evidence
    _make(out)
    with (
        _could_run(),
        TemporaryDirectory(prefix="shardwise-compare-") as folder,
        Servers(Path(folder), cores()) as servers,
    ):
        servers.prepare(columns)
        place = place_of(servers, Path(folder), data=data, shards=shards, wait_scale=wait_scale)
        cells = list(_run_all(place, wanted, columns, repeat))
        write_reports(out, place, cells)
    print_matrix(Console(), cells)
    typer.echo(f"report in {out}")
    if any(cell.surprises for cell in cells):
        sys.exit(FAILED)


def _make(out: Path) -> None:
    """Make the folder of the report now: nobody shall wait ten minutes to learn that there is none."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TerminalError(f"--out {out} cannot be a folder for the report: {error.strerror}") from error


@contextmanager
def _could_run() -> Iterator[None]:
    """What stops a comparison, a server that is gone for example, is no verdict: it could not run."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and cells are stopped as by Ctrl-C
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError("the comparison was stopped; there is no report, and nothing of it still runs") from None
    except (TransientError, httpx.HTTPError) as error:
        raise TerminalError(f"the comparison could not run: {error}") from error


def place_of(servers: Servers, folder: Path, *, data: str | None, shards: int, wait_scale: float) -> Place:
    """Check the data and merge it once, undisturbed, for all cells to be compared with."""
    job = make_job(data_url=data, store_url=str(folder / "reference"), num_shards=shards, run_id="reference")
    Inputs.at(job.data_url).check()
    try:
        run_local(job.to_json(), workers=1)
    except TerminalError as error:
        first = "\n".join(str(error).splitlines()[:2])
        raise TerminalError(
            f"there is nothing to compare with, an undisturbed run over {job.data_url} fails:\n{first}\n"
            f"`shardwise run --engine local --data {job.data_url}` keeps all that it rejects."
        ) from error
    policy = replace(SHARD_POLICY, first_wait=FIRST_WAIT * wait_scale)
    reference = Run(job, open_store(job.store_url))
    return Place(servers, job, reference, cores(), policy, wait_scale, folder)


def _run_all(place: Place, scenarios: list[Scenario], columns: list[Column], repeat: int) -> Iterator[Cell]:
    """Run cell after cell: two at once would disturb each other's times."""
    cells = list(product(range(1, repeat + 1), scenarios, columns))
    place_for = cache(partial(_place_for, place))
    for number, (again, scenario, column) in enumerate(cells, start=1):
        with console.status(f"{number} of {len(cells)}: {scenario.name} on {column.name}"):
            cell = run_cell(place_for(scenario.customers), scenario, column, again)
        console.print(verdict_line(number, len(cells), cell), soft_wrap=True, highlight=False)
        yield cell


def _place_for(place: Place, customers: int | None) -> Place:
    """The place itself, or one beside it over so many generated customers."""
    if customers is None:
        return place
    folder = place.folder / f"{customers}-customers"
    generate(folder / "data", customers=customers, seed=0, as_of=AS_OF)
    data, shards = str(folder / "data"), place.job.num_shards
    return place_of(place.servers, folder, data=data, shards=shards, wait_scale=place.wait_scale)
