"""``shardwise report``: writes the page of a recorded comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shared.run.errors import TerminalError


def report(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A compare.json of `shardwise compare`; default: the committed record"),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="File for the page")] = Path("shardwise-report.html"),
) -> None:
    """Write the report page of a recorded comparison and print its path."""
    from flows.compare.judge.recorded import read_recorded  # imported here, so that other commands start faster
    from flows.compare.report.conclusions.all import conclude
    from flows.compare.report.page.document import render_page
    from flows.compare.report.readme import MEASURED
    from flows.registry import PRICES

    found = read_recorded(file or MEASURED, "FILE")
    cost = found.conclusions.cost
    page = render_page(conclude(found, cost.prices if cost else PRICES))
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise TerminalError(f"--out {out} cannot be written: {error.strerror}") from error
    typer.echo(out)
