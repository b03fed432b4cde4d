"""A comparison as Markdown: report.md, and the table of the README. Made from what compare.json holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.compare.report.conclusions.delays import TOLERANCE
from flows.compare.report.plans import plan_sentence

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]

TABLES = {  # sections that are a list of rows
    "slots": "Where waiting holds a place",
    "amplification": "Retry amplification",
    "resume": "What resuming costs",
    "lint": "The policy's lint",
    "cloud": "What the local Render server can say about the cloud",
}


def report(content: Json) -> str:
    """The whole report, report.md."""
    titles = [f"* **{name}**: {title}" for name, title in content["columns"].items()]
    parts = [
        "# The same faults on every engine",
        stamp(content),
        _surprises(content["cells"]),
        matrix(content),
        "In brackets: attempts at the step that the plan strikes.\n\n" + "\n".join(titles),
        "## Which one" * bool(content["sheet"]),
        sheet(content["sheet"]),
        "## Declared and observed waits\n\n" + _waits(content["delays"]),
        *(f"## {title}\n\n{_rows(content[key])}" for key, title in TABLES.items() if content[key]),
        _cost(content["cost"]),
        "## What each engine's shim costs in lines\n\n" + _shims(content["shims"]),
        *(_section(name, content) for name in content["scenarios"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def matrix(content: Json) -> str:
    """Scenarios by columns: the verdict, and how many attempts were made where the plan strikes."""
    columns = list(content["columns"])
    rows = [[f"`{name}`", *(entry(content, name, column) for column in columns)] for name in content["scenarios"]]
    return table(["scenario", *columns], rows)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are Markdown already."""
    names = list(head)
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, ["---"] * len(names), *rows])


def entry(content: Json, scenario: str, column: str) -> str:
    """The distinct verdicts of a cell's repetitions, with attempts."""
    cells = [cell for cell in content["cells"] if (cell["scenario"], cell["column"]) == (scenario, column)]
    kinds = dict.fromkeys(f"{c['verdict']}{f' ({n})' if (n := c['attempts']) else ''}" for c in cells)
    return " / ".join(kinds) + (" **!**" if any(cell["mismatches"] for cell in cells) else "")


def stamp(content: Json) -> str:
    """When, where, with what and over what it was made."""
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


def _surprises(cells: list[Json]) -> str:
    lines = [f"* `{c['scenario']}` on {c['column']}: {'; '.join(c['mismatches'])}" for c in cells if c["mismatches"]]
    return "**Not as expected:**\n\n" + "\n".join(lines) if lines else ""


def sheet(lines: list[Json]) -> str:
    """The reasons to choose, each with the cells that bear it out."""
    parts = []
    for choose in dict.fromkeys(line["choose"] for line in lines):
        reasons = [
            f"* {line['if']}: {line['because']} ({_cited(line['cells'])})" for line in lines if line["choose"] == choose
        ]
        parts.append(f"Choose **{choose}** if\n\n" + "\n".join(reasons))
    return "\n\n".join(parts)


def _cited(cells: list[list[str]]) -> str:
    names = dict.fromkeys(scenario for scenario, _ in cells)
    return ", ".join(f"`{name}` on {' and '.join(c for n, c in cells if n == name)}" for name in names)


def _waits(delays: list[Json]) -> str:
    rows = [
        [
            *(d["column"], str(d["retry"]), f"{d['declared']:g}", str(d["n"])),
            *(f"{d[key]:.3f}" for key in ("shortest", "median", "longest")),
            str(d["queued"]),
            _promise(d["missed_by"]),
        ]
        for d in delays
    ]
    head = ["column", "retry", "declared s", "n", "shortest", "median", "longest", "queued", "promise"]
    told = (
        f"A wait counts as kept up to {TOLERANCE:g} s beyond the declared one; starting a process is part of it. "
        "Queued are those that were due while other shards had all places; they are left out of the promise."
    )
    return f"{table(head, rows)}\n\n{told}" if rows else "No step was tried again."


def _promise(missed_by: float | None) -> str:
    if missed_by is None:
        return "all queued"
    return f"missed by {missed_by:.3f} s" if missed_by else "kept"


def _rows(rows: list[Json]) -> str:
    head = [name.replace("_", " ") for name in rows[0]]
    return table(head, ([_cell(value) for value in row.values()] for row in rows))


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _cost(cost: Json) -> str:
    if not cost:
        return ""
    intro = f"At a fault rate of {cost['fault_rate']:.0%}, prices of {cost['as_of']}. {cost['assumption']}"
    return f"## Cost\n\n{intro}\n\n{_rows(cost['rows'])}\n\n{_rows(cost['prices'])}"


def _shims(shims: list[Json]) -> str:
    rows = ([s["engine"], str(s["lines"]), ", ".join(f"`{f['path']}`" for f in s["files"])] for s in shims)
    return table(["shim", "lines", "files"], rows)


def _section(name: str, content: Json) -> str:
    scenario = content["scenarios"][name]
    head = f"## `{name}`\n\n{scenario['title']}. {scenario['purpose']}\n\nPlan. {plan_sentence(scenario)}."
    return head + "\n\n" + "\n".join(_evidence(cell) for cell in content["cells"] if cell["scenario"] == name)


def _evidence(cell: Json) -> str:
    """A cell as an item of a list, with what speaks for its verdict."""
    store, ledger = cell["store"], cell["ledger"]
    starts = enumerate(cell["starts"], start=1)
    counts = f"missing {store['missing']}, duplicated {store['duplicated']}, stale {store['stale']}"
    wrong = f"{counts}: {'; '.join(store['differences'])}"
    facts = [
        f"attempts: {cell['attempts']}, expected {cell['expected_attempts']}" * bool(cell["attempts"]),
        f"in all: {len(ledger['attempts'])} attempts, {ledger['retries']} retries, {ledger['deaths']} cut off",
        f"between attempts: {ledger['waiting_seconds']:.2f} s" * bool(ledger["waits"]),
        f"ran at once: {', '.join(ledger['overlaps'])}" * bool(ledger["overlaps"]),
        f"digest `{store['digest']}`" if store["digest"] else f"no result; {store['committed']} shards committed",
        wrong * bool(store["differences"]),
        *(f"start {number}: {_line(start['error'])}" for number, start in starts if start["error"]),
        *(f"finding: {finding}" for finding in cell["findings"]),
        f"known gap: {cell['reason']}" if cell["reason"] else "",
        f"again: `{cell['command']}`",
    ]
    title = f"* **{cell['column']}**: {cell['verdict']}" + (" (not as expected)" if cell["mismatches"] else "")
    return "\n".join([title, *(f"  * {fact}" for fact in facts if fact)])


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
