"""What people and programs read: a line per cell, the matrix, compare.json and report.md."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rich.table import Table

from flows.compare.delays import TOLERANCE, Delays, delays_of
from flows.compare.verdicts import Verdict
from shared.isolate import cores
from shared.ledger import shard_step

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console

    from flows.compare.cells import Cell, Place
    from shared.faults import Fault

STYLES = {
    Verdict.SAME: "green",
    Verdict.ENGINE: "green",
    Verdict.OURS: "cyan",
    Verdict.LOUD: "yellow",
    Verdict.WRONG: "bold red",
}
DISTRIBUTIONS = ("shardwise", "prefect", "render", "duckdb", "pandas", "pyarrow", "pebble")


def verdict_line(number: int, of: int, cell: Cell) -> str:
    """A cell in one line, for a person who waits."""
    seconds = sum(start.seconds for start in cell.starts)
    surprise = f"  [bold red]NOT AS EXPECTED: {'; '.join(cell.surprises)}[/]" if cell.surprises else ""
    verdict = f"[{STYLES[cell.verdict]}]{cell.verdict}[/]"
    where = f"{cell.scenario.name} on {cell.column.name}"
    return f"{number:>3} of {of}  {where:<52} {verdict}, {seconds:.1f} s{surprise}"


def print_matrix(console: Console, cells: list[Cell]) -> None:
    """Print scenarios by columns: the verdict, and how many attempts were made where the plan strikes."""
    columns = _unique(cell.column.name for cell in cells)
    table = Table(title="What became of each run", caption="! differs from what is expected")
    table.add_column("scenario", no_wrap=True)
    for column in columns:
        table.add_column(column)
    for scenario in _unique(cell.scenario.name for cell in cells):
        table.add_row(scenario, *(_entry(_cells(cells, scenario, column)) for column in columns))
    console.print(table)


def write_reports(out: Path, place: Place, cells: list[Cell]) -> None:
    """Write compare.json and report.md into a folder."""
    content = _content(place, cells)
    (out / "compare.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (out / "report.md").write_text(_markdown(content, cells), encoding="utf-8")


def _content(place: Place, cells: list[Cell]) -> dict[str, Any]:
    result = place.reference.result() or {}
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"system": platform.platform(), "python": platform.python_version(), "cores": cores()},
        "versions": {name: version(name) for name in DISTRIBUTIONS},
        "shards": place.job.num_shards,
        "workers": place.workers,
        "wait_scale": place.wait_scale,
        "declared": {
            "max_attempts": place.policy.max_attempts,
            "waits_seconds": [round(wait.total_seconds(), 3) for wait in place.policy.waits()],
        },
        "reference": {key: result[key] for key in ("digest", "profiles_generated", "records_processed")},
        "columns": {cell.column.name: cell.column.title for cell in cells},
        "scenarios": {cell.scenario.name: cell.scenario.to_json() for cell in cells},
        "delays": [delays.to_json() for delays in delays_of(cells)],
        "cells": [cell.to_json() for cell in cells],
    }


def _markdown(content: dict[str, Any], cells: list[Cell]) -> str:
    columns = _unique(cell.column.name for cell in cells)
    names = _unique(cell.scenario.name for cell in cells)
    matrix = [[f"`{n}`", *(_plain(_cells(cells, n, column)) for column in columns)] for n in names]
    titles = [f"* **{name}**: {title}" for name, title in content["columns"].items()]
    parts = [
        "# The same faults on every engine",
        _stamp(content),
        *([_wrong(cells)] if any(cell.surprises for cell in cells) else []),
        _table(["scenario", *columns], matrix),
        "In brackets: attempts at the step that the plan strikes.\n\n" + "\n".join(titles),
        "## Waits between attempts\n\n" + _waits(delays_of(cells)),
        *(_section(name, [cell for cell in cells if cell.scenario.name == name]) for name in names),
    ]
    return "\n\n".join(parts) + "\n"


def _stamp(content: dict[str, Any]) -> str:
    machine, declared = content["machine"], content["declared"]
    versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    waits = ", ".join(f"{wait:g}" for wait in declared["waits_seconds"])
    return (
        f"Made {content['made_at']} on {machine['system']}, {machine['cores']} cores, Python {machine['python']}; "
        f"{versions}.\n\n"
        f"{content['reference']['profiles_generated']:,} profiles in {content['shards']} shards, "
        f"{content['workers']} at a time, digest `{content['reference']['digest']}`. Declared: "
        f"{declared['max_attempts']} attempts with waits of {waits} s (scale {content['wait_scale']:g})."
    )


def _wrong(cells: list[Cell]) -> str:
    lines = [
        f"* `{cell.scenario.name}` on {cell.column.name}: {'; '.join(cell.surprises)}"
        for cell in cells
        if cell.surprises
    ]
    return "**Not as expected:**\n\n" + "\n".join(lines)


def _waits(delays: Iterable[Delays]) -> str:
    rows = [
        [
            *(d.column, str(d.retry), f"{d.declared:g}", str(d.n)),
            *(f"{seconds:.3f}" for seconds in (d.shortest, d.median, d.longest)),
            f"missed by {d.missed_by:.3f} s" if d.missed_by else "kept",
        ]
        for d in delays
    ]
    head = ["column", "retry", "declared s", "n", "shortest", "median", "longest", "promise"]
    told = f"A wait counts as kept up to {TOLERANCE:g} s beyond the declared one; starting a process is part of it."
    return f"{_table(head, rows)}\n\n{told}" if rows else "No step was tried again."


def _section(name: str, cells: list[Cell]) -> str:
    scenario = cells[0].scenario
    steps = [_planned(fault) for fault in scenario.plan]
    steps += [str(scenario.interruption)] if scenario.interruption else []
    steps += ["the run is started again"] if scenario.run_again else []
    head = f"## `{name}`\n\n{scenario.title}. {scenario.purpose}\n\nPlan: {', then '.join(steps) or 'nothing'}."
    return head + "\n\n" + "\n".join(_evidence(cell) for cell in cells)


def _planned(fault: Fault) -> str:
    where = "the staging" if fault.shard is None else shard_step(fault.shard)
    return f"{fault.kind} in {where} on attempt {', '.join(map(str, fault.attempts))}"


def _evidence(cell: Cell) -> str:
    """A cell as an item of a list, with what speaks for its verdict."""
    output, history = cell.output, cell.history
    facts = [
        f"attempts at {cell.scenario.step}: {cell.attempts}, expected {cell.expected_attempts}" * bool(cell.attempts),
        f"in all: {len(history.entries)} attempts, {history.retries} retries, {history.deaths} cut off",
        f"between attempts: {history.waiting_seconds:.2f} s" * bool(history.waits),
        f"ran at once: {', '.join(history.overlaps)}" * bool(history.overlaps),
        f"digest `{output.digest}`" if output.digest else f"no result; {output.committed} shards committed",
        f"lost {output.lost}, doubled {output.doubled}, stale {output.stale}: {output.first_difference}" * output.wrong,
        *(f"start {n}: {_line(start.error)}" for n, start in enumerate(cell.starts, start=1) if start.error),
        *(f"finding: {finding}" for finding in cell.findings),
        f"known gap: {cell.expected.reason}" if cell.expected.reason else "",
        f"again: `{cell.command}`",
    ]
    title = f"* **{cell.column.name}**: {cell.verdict}" + (" (not as expected)" if cell.surprises else "")
    return "\n".join([title, *(f"  * {fact}" for fact in facts if fact)])


def _line(text: str) -> str:
    return " ".join(text.split())[:300]


def _cells(cells: list[Cell], scenario: str, column: str) -> list[Cell]:
    return [cell for cell in cells if (cell.scenario.name, cell.column.name) == (scenario, column)]


def _plain(cells: list[Cell]) -> str:
    """The distinct verdicts of a cell's repetitions, with attempts."""
    kinds = _unique(f"{cell.verdict}{f' ({cell.attempts})' if cell.attempts else ''}" for cell in cells)
    return " / ".join(kinds) + (" **!**" if any(cell.surprises for cell in cells) else "")


def _entry(cells: list[Cell]) -> str:
    style = STYLES[max(cells, key=lambda cell: list(Verdict).index(cell.verdict)).verdict]
    return f"[{style}]{_plain(cells).replace('**', '')}[/]"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
