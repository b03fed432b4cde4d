"""``shardwise generate``: writes sample data of the customer merge to a local folder."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import progress
from shared.customers.generate import AS_OF, Dirt
from shared.customers.generate import generate as write
from shared.customers.schema import SOURCES
from shared.run.errors import TerminalError
from shared.run.urls import absolute, is_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG = 1_000_000  # customers from which on progress is shown


def generate(  # noqa: PLR0913 — one parameter per option
    *,
    out: Annotated[str, typer.Option(metavar="FOLDER", help="Local folder for the four CSV files")],
    customers: Annotated[int, typer.Option(min=1, help="Number of customers")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes")] = 1,
    as_of: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Latest date in the data")] = datetime(  # noqa: DTZ001 — a day
        AS_OF.year, AS_OF.month, AS_OF.day
    ),
    missing: Annotated[float, typer.Option(min=0, max=1, help="Share of customers missing from each source")] = 0,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share of rows repeated with changes")] = 0,
    blanks: Annotated[float, typer.Option(min=0, max=1, help="Share of empty cells")] = 0,
    unknown: Annotated[float, typer.Option(min=0, max=1, help="Share of values unknown to the scores")] = 0,
    malformed: Annotated[float, typer.Option(min=0, max=1, help="Share of malformed rows")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files")] = False,
) -> None:
    """Write sample data of the customer merge. The same options always give the same bytes."""
    folder = _free_folder(out, force=force)
    dirt = Dirt(missing, duplicates, blanks, unknown, malformed)
    with _shown(customers) as advance:
        write(folder, customers=customers, seed=seed, as_of=as_of.date(), dirt=dirt, advance=advance)
    for source in SOURCES:
        path = folder / source.file
        typer.echo(f"{path}  {path.stat().st_size:,} bytes")


def _free_folder(out: str, *, force: bool) -> Path:
    """Return the folder to write to; a TerminalError if it is not local, or has files and ``--force`` is not given."""
    url = absolute(out)
    if not is_local(url):
        raise TerminalError(f"--out is {out}; data is generated into a local folder, so copy it there yourself")
    folder = Path(url)
    if folder.exists() and not folder.is_dir():
        raise TerminalError(f"--out is {out}, which is a file; name a folder")
    if not force and (there := [source.file for source in SOURCES if (folder / source.file).exists()]):
        raise TerminalError(f"{folder} has {', '.join(there)} already; use another folder, or --force to replace them")
    return folder


@contextmanager
def _shown(customers: int) -> Iterator[Callable[[int], None]]:
    """Report rows as they are written, with a progress bar on a terminal."""
    if customers < LONG or not progress.console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=progress.console, transient=True) as bar:
        task = bar.add_task(f"writing {customers:,} customers", total=customers * len(SOURCES))
        yield lambda written: bar.advance(task, written)
