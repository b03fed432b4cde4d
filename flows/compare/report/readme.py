"""Writes the generated tables of the README from compare.json: ``python -m flows.compare.report.readme``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from flows.compare.report.conclusions.cloud import cloud_rows
from flows.compare.report.markdown import entry, sheet, stamp, table

ROOT = Path(__file__).resolve().parents[3]
README, MEASURED = ROOT / "README.md", Path(__file__).with_name("compare.json")


def main() -> None:
    """Replace what stands between the markers of each block."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    README.write_text(written(README.read_text(encoding="utf-8"), measured), encoding="utf-8")


def written(text: str, measured: dict[str, Any]) -> str:
    """A text with its blocks filled from what compare.json holds."""
    for name, block in {"differences": differences(measured), "cloud": _cloud()}.items():
        marked = re.compile(rf"(<!-- {name}: begin[^\n]*\n).*?(<!-- {name}: end -->)", re.DOTALL)
        text = marked.sub(lambda found, block=block: f"{found[1]}\n{block}\n\n{found[2]}", text)  # type: ignore[misc]
    return text


def differences(measured: dict[str, Any]) -> str:
    """The scenarios in which the engines differ as a table, the others in a sentence, and what follows from both."""
    columns = [column for column in measured["columns"] if column != "local"]
    entries = {name: [entry(measured, name, column) for column in columns] for name in measured["scenarios"]}
    differ = {name: cells for name, cells in entries.items() if len(set(cells)) > 1}
    rows = [[f"`{name}`: {measured['scenarios'][name]['title'].lower()}", *cells] for name, cells in differ.items()]
    alike = ", ".join(f"`{name}` ({cells[0]})" for name, cells in entries.items() if name not in differ)
    parts = [table(["", *columns], rows), f"The same on each: {alike}.", sheet(measured["sheet"]), stamp(measured)]
    return "\n\n".join(parts)


def _cloud() -> str:
    return table(["", "local server", "cloud"], (row.values() for row in cloud_rows()))


if __name__ == "__main__":
    main()
