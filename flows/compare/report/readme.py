"""Writes the generated parts of the documents from compare.json: ``python -m flows.compare.report.readme``."""

from __future__ import annotations

import re
from pathlib import Path

from flows.compare.record.comparison import Comparison
from flows.compare.report.markdown import columns, entry, questions, table

ROOT = Path(__file__).resolve().parents[3]
MEASURED = Path(__file__).with_name("compare.json")
DOCUMENTS = [ROOT / "README.md", ROOT / "flows/compare/README.md", ROOT / "flows/on_render/README.md"]


def main() -> None:
    """Replace what stands between the markers of each block."""
    measured = Comparison.model_validate_json(MEASURED.read_bytes())
    for document in DOCUMENTS:
        document.write_text(written(document.read_text(encoding="utf-8"), measured), encoding="utf-8")


def written(text: str, measured: Comparison) -> str:
    """A text with its blocks filled from what compare.json holds."""
    blocks = {
        "questions": _questions(measured),
        "differences": differences(measured),
        "limits": "\n\n".join(table(limits.head, limits.rows) for limits in measured.limits),
    }
    for name, block in blocks.items():
        marked = re.compile(rf"(<!-- {name}: begin[^\n]*\n).*?(<!-- {name}: end -->)", re.DOTALL)
        text = marked.sub(lambda found, block=block: f"{found[1]}\n{block}\n\n{found[2]}", text)  # type: ignore[misc]
    return text


def _questions(measured: Comparison) -> str:
    """The questions, and on what the answers were observed."""
    answers = [answer for each in measured.conclusions.questions for answer in each.answers]
    seen = dict.fromkeys(text for answer in answers for text in answer.observed_on)
    return "\n".join([questions(measured), *(f"* {text}" for text in seen)])


def differences(measured: Comparison) -> str:
    """The scenarios in which the columns differ as a table, the others in a sentence, what each column is."""
    names = [name for name, about in measured.columns.items() if about.product and not about.not_observed]
    entries = {name: [entry(measured, name, column) for column in names] for name in measured.scenarios}
    differ = {name: cells for name, cells in entries.items() if _differ([cell for cell in cells if cell])}
    rows = [[f"`{name}`: {measured.scenarios[name].title.lower()}", *cells] for name, cells in differ.items()]
    same = {name: next(cell for cell in cells if cell) for name, cells in entries.items() if name not in differ}
    alike = ", ".join(f"`{name}` ({verdict})" for name, verdict in same.items())
    return "\n\n".join([table(["", *names], rows), f"The same on each that ran it: {alike}.", columns(measured)])


def _differ(ran: list[str]) -> bool:
    """Whether a scenario needs a row: its columns differ, or only one ran it."""
    return len(set(ran)) > 1 or len(ran) == 1


if __name__ == "__main__":
    main()
