"""A comparison as Markdown: report.md, and the tables of the README. Made from what compare.json holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.compare.report.conclusions.delays import TOLERANCE
from flows.compare.report.conclusions.numbers import in_words
from flows.compare.report.page.text import observed_on
from flows.compare.report.plans import plan_sentence

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]

TABLES = {  # sections that are a list of rows
    "scheduling": "How soon work begins, in seconds",
    "slots": "Where waiting holds a slot",
    "amplification": "Retries of retries",
    "resume": "What resuming takes, in seconds",
    "notices": "How soon the engine knows of a death, in seconds; empty: not while it was watched",
    "lint": "What the policy means on each engine",
    "cloud": "What the local stand-in for Render can say about the cloud",
}


def report(content: Json) -> str:
    """The whole report, report.md."""
    parts = [
        "# The same faults on every engine",
        answer(content.get("answer", [])),
        _mismatches(content),
        matrix(content),
        "In brackets: attempts at the step that the plan breaks.\n\n" + columns(content),
        provenance(content),
        _changes(content.get("changes", [])),
        "## Which one" * bool(content["recommendations"]),
        recommendations(content["recommendations"]),
        "## Declared and observed waits\n\n" + _waits(content["delays"]),
        *(f"## {title}\n\n{_rows(content[key])}" for key, title in TABLES.items() if content.get(key)),
        _cost(content["cost"]),
        *(_section(name, content) for name in content["scenarios"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def answer(sentences: list[Json]) -> str:
    """The sentences that come first, each with the cells behind it."""
    lines = [f"* {each['text']}" + (f" ({cited(each['cells'])})" if each["cells"] else "") for each in sentences]
    return "\n".join(lines)


def matrix(content: Json) -> str:
    """Scenarios by columns: the verdict, and how many attempts were made where the plan breaks something."""
    names = list(content["columns"])
    rows = [[f"`{name}`", *(entry(content, name, column) for column in names)] for name in content["scenarios"]]
    return table(["scenario", *names], rows)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are Markdown already."""
    names = list(head)
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, ["---"] * len(names), *rows])


def entry(content: Json, scenario: str, column: str) -> str:
    """The distinct verdicts of a cell's repetitions, with attempts."""
    cells = [cell for cell in content["cells"] if (cell["scenario"], cell["column"]) == (scenario, column)]
    if not cells:
        return "not observed" if content["columns"][column]["not_observed"] else ""
    kinds = dict.fromkeys(f"{c['verdict']}{f' ({n})' if (n := c['attempts']) else ''}" for c in cells)
    return " / ".join(kinds) + (" **!**" if any(cell["mismatches"] for cell in cells) else "")


def columns(content: Json) -> str:
    """What each column is, and where it was observed."""
    lines = []
    for name, about in content["columns"].items():
        recorded = f" (recorded in {about['recorded_in']})" if about["recorded_in"] else ""
        lines.append(f"* **{name}**: {about['title']}; {observed_on(about)}{recorded}")
    return "\n".join(lines)


def provenance(content: Json) -> str:
    """When, where and with what it was made."""
    declared = content["declared"]
    versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    waits = ", ".join(f"{wait:g}" for wait in declared["waits_seconds"])
    return (
        f"Made {content['made_at']} on {content['machine']}; {versions}.\n\n"
        f"{content['shards']} shards, {content['workers']} at a time, digest `{content['reference']['digest']}`. "
        f"Declared: {declared['max_attempts']} attempts with waits of {waits} s (scale {content['wait_scale']:g}), "
        f"{declared['timeout_seconds']:g} s for each."
    )


def _mismatches(content: Json) -> str:
    cells = [cell for cell in content["cells"] if cell["mismatches"]]
    lines = [f"* `{cell['scenario']}` on {cell['column']}: {'; '.join(cell['mismatches'])}" for cell in cells]
    lines += [f"* {finding}" for finding in content["contradictions"]]
    return "**Not as expected:**\n\n" + "\n".join(lines) if lines else ""


def _changes(found: list[Json]) -> str:
    rows = [[each["where"], each["message"], "**worse**" if each["regression"] else ""] for each in found]
    return "## What changed\n\n" + table(["where", "what", ""], rows) if rows else ""


def recommendations(lines: list[Json]) -> str:
    """The reasons to choose, each with the cells that bear it out and what they were observed on."""
    parts = []
    for choose in dict.fromkeys(line["choose"] for line in lines):
        reasons = [_reason(line) for line in lines if line["choose"] == choose]
        head = f"Choose **{choose.capitalize()}** if" if choose != "either" else "**Either** will do if"
        parts.append(f"{head}\n\n" + "\n".join(reasons))
    return "\n\n".join(parts)


def _reason(line: Json) -> str:
    documented = "".join(
        f" Documented: {promise['says']} ({promise['page']}, read {promise['as_of']})."
        for promise in line["documented"]
    )
    return f"* {line['if']}: {line['because']} ({cited(line['cells'])}). Observed on {line['observed']}.{documented}"


def cited(cells: list[list[str]]) -> str:
    """Cells by scenario: ``scenario on column and column``."""
    names = dict.fromkeys(scenario for scenario, _ in cells)
    return ", ".join(f"`{name}` on {' and '.join(c for n, c in cells if n == name)}" for name in names)


def _waits(delays: list[Json]) -> str:
    rows = [
        [
            *(d["column"], str(d["retry"]), f"{d['declared']:g}", str(d["n"])),
            *(f"{d[key]:.3f}" for key in ("shortest", "median", "longest")),
            str(d["queued"]),
            _promise(d),
        ]
        for d in delays
    ]
    head = ["column", "retry", "declared s", "n", "shortest", "median", "longest", "queued", "promise"]
    note = (
        f"A wait counts as kept up to {TOLERANCE:g} s beyond the declared one; starting a process is part of it. "
        "Queued are those that were due while other shards had all slots; they are left out of the promise."
    )
    return f"{table(head, rows)}\n\n{note}" if rows else "No step was tried again."


def _promise(delay: Json) -> str:
    if delay["early_by"]:
        return f"early by {delay['early_by']:.3f} s"
    if delay["late_by"] is None:
        return "all queued"
    return f"late by {delay['late_by']:.3f} s" if delay["late_by"] else "kept"


def _rows(rows: list[Json]) -> str:
    head = [name.replace("_", " ") for name in rows[0]]
    return table(head, ([_cell(value) for value in row.values()] for row in rows))


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return in_words(value)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _cost(cost: Json) -> str:
    if not cost:
        return ""
    shares = [f"{point['utilisation']:.0%}" for point in cost["curves"][0]["points"]]
    rows = [
        [curve["column"], *(f"{point['dollars']['median']:.4f}" for point in curve["points"])]
        for curve in cost["curves"]
    ]
    pairs = "\n".join(
        f"* {pair['monthly']} and {pair['by_the_second']} cost the same at {pair['least']:.0%} to {pair['most']:.0%}."
        for pair in cost["break_even"]
    )
    old = f"\n\nPrices as of {', '.join(cost['old'])} are in here." if cost["old"] else ""
    intro = "Dollars per million records, by the share of time that machines paid by the month are busy."
    return (
        f"## Cost\n\n{intro} {cost['assumption']}{old}\n\n{table(['column', *shares], rows)}\n\n{pairs}\n\n"
        f"{_rows(cost['prices'])}"
    )


def _section(name: str, content: Json) -> str:
    scenario = content["scenarios"][name]
    head = f"## `{name}`\n\n{scenario['title']}. {scenario['purpose']}\n\nPlan. {plan_sentence(scenario)}."
    return head + "\n\n" + "\n".join(_evidence(cell) for cell in content["cells"] if cell["scenario"] == name)


def _evidence(cell: Json) -> str:
    """A cell as an item of a list, with what speaks for its verdict."""
    store, ledger = cell["store"], cell["ledger"]
    starts = enumerate(cell["starts"], start=1)
    counts = f"missing {store['missing']}, duplicated {store['duplicated']}, stale {store['stale']}"
    facts = [
        f"attempts: {cell['attempts']}, expected {cell['expected_attempts']}" * bool(cell["attempts"]),
        f"in all: {len(ledger['attempts'])} attempts, {ledger['retries']} retries, {ledger['deaths']} cut off",
        f"fired: {', '.join(cell['fired'])}" * bool(cell["fired"]),
        f"between attempts: {ledger['waiting_seconds']:.2f} s" * bool(ledger["waits"]),
        f"ran at once: {', '.join(ledger['overlaps'])}" * bool(ledger["overlaps"]),
        f"digest `{store['digest']}`" if store["digest"] else f"no result; {store['committed']} shards committed",
        f"{counts}: {'; '.join(store['differences'])}" * bool(store["differences"]),
        *(f"start {number}: {_line(start['error'])}" for number, start in starts if start["error"]),
        *(f"finding: {finding}" for finding in cell["findings"]),
        f"known gap: {cell['reason']}" if cell["reason"] else "",
        f"again: `{cell['command']}`",
    ]
    title = f"* **{cell['column']}**: {cell['verdict']}" + (" (not as expected)" if cell["mismatches"] else "")
    return "\n".join([title, *(f"  * {fact}" for fact in facts if fact)])


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
