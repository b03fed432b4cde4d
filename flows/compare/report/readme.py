"""Writes the generated parts of the documents from compare.json: ``python -m flows.compare.report.readme``."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from flows.compare.record.comparison import Comparison
from flows.compare.report.conclusions.all import conclude
from flows.compare.report.markdown import MARK, columns, table
from flows.compare.report.page.text import legend, letters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.compare.record.comparison import Column

ROOT = Path(__file__).resolve().parents[3]
MEASURED = Path(__file__).with_name("compare.json")
LEFT_OUT = {"A run is cancelled", "A retry waits"}  # of the README; flows/compare and the page have them
WIDE, LONGEST = 140, 150  # characters: of prose, and of a line of a table
DOCUMENTS = [ROOT / "README.md", ROOT / "flows/compare/README.md", ROOT / "flows/on_render/README.md"]


def main() -> None:
    """Replace the generated blocks of all documents."""
    measured = recorded()
    for document in DOCUMENTS:
        document.write_text(written(document.read_text(encoding="utf-8"), measured), encoding="utf-8")


def recorded() -> Comparison:
    """Return the committed comparison, with its conclusions in today's words."""
    measured = Comparison.model_validate_json(MEASURED.read_bytes())
    cost = measured.conclusions.cost
    return conclude(measured, cost.prices) if cost else measured


def written(text: str, measured: Comparison) -> str:
    """Return a document with its blocks filled from compare.json."""
    blocks = {"questions": answer(measured), "differences": differences(measured), "limits": limits(measured)}
    for name, block in blocks.items():
        marked = re.compile(rf"(<!-- {name}: begin[^\n]*\n).*?(<!-- {name}: end -->)", re.DOTALL)
        text = marked.sub(lambda found, block=block: f"{found[1]}\n{block}\n\n{found[2]}", text)  # type: ignore[misc]
    return text


def answer(measured: Comparison) -> str:
    """The questions of the README, without names of columns where they are too many, and what was observed."""
    asked = [each for each in measured.conclusions.questions if each.asks not in LEFT_OUT]
    head = ["what happens", *(product.title for product in measured.products.values())]
    rows = [_row(each.asks, [(answer.text, MARK * answer.stand_in) for answer in each.answers]) for each in asked]
    mark = [f"{MARK.strip()} observed on a local stand-in for the product"] if MARK in str(rows) else []
    return "\n".join([table(head, rows), "", *mark, *_observed(measured)])


def _row(asks: str, answers: list[tuple[str, str]]) -> list[str]:
    """Of a line that is too long, the verdicts only: the matrix has the columns."""
    whole = [f"{text}{mark}" for text, mark in answers]
    if len(table([asks, *whole], []).splitlines()[0]) <= LONGEST:
        return [asks, *whole]
    short = ["; ".join(part.rpartition(": ")[2] for part in text.split("; ")) for text, _ in answers]
    return [asks, *(f"{text}{mark}" for text, (_, mark) in zip(short, answers, strict=True))]


def _observed(measured: Comparison) -> Iterable[str]:
    """A line for each product: in what versions, when, in how many columns."""
    for name, product in measured.products.items():
        about = [(each, on) for each in measured.columns.values() if each.product == name and (on := each.observed_on)]
        versions = ", ".join(dict.fromkeys(on.version for each, on in about if not each.stand_in))
        days = sorted({on.at[:10] for _, on in about})
        counted = f"{len(about)} column{'s' * (len(about) > 1)}"
        when = " to ".join(dict.fromkeys((*days[:1], *days[-1:])))
        if about:
            yield f"* {product.title}: {counted}, observed with {versions or 'stand-ins only'}, {when}"


def differences(measured: Comparison) -> str:
    """The scenarios in which the columns differ as letters in a table, the others in a sentence, each column."""
    names = [name for name, about in measured.columns.items() if about.product and not about.not_observed]
    entries = {name: [_letter(measured, name, column) for column in names] for name in measured.scenarios}
    heads = [_short(name, measured.columns[name]) for name in names]
    rows, same, alone = [], [], dict[str, list[str]]()
    for name, cells in entries.items():
        ran = [(head, cell) for head, cell in zip(heads, cells, strict=True) if cell]
        if len({cell for _, cell in ran}) > 1:
            rows.append([f"`{name}`", *cells])
        elif len(ran) > 1:
            same.append(f"`{name}` {ran[0][1]}")
        else:
            alone.setdefault(ran[0][0], []).append(f"`{name}` {ran[0][1]}")
    meanings = ", ".join(f"{letter} {verdict}" for verdict, letter, _ in legend(measured.cells))
    parts = [f"{meanings}.", table(["", *heads], rows), f"The same on each that ran it: {', '.join(same)}."]
    parts += [f"Only on {head}: {', '.join(found)}." for head, found in alone.items()]
    return "\n\n".join([*(part if part[0] == "|" else _wrapped(part) for part in parts), _columns(measured)])


def _letter(measured: Comparison, scenario: str, column: str) -> str:
    """The verdicts as letters, with the attempts at the faulted step."""
    cells = measured.at(scenario, column)
    attempts = dict.fromkeys(str(cell.judgement.attempts) for cell in cells if cell.judgement.attempts)
    return " ".join(filter(None, [letters(cells), "/".join(attempts)])) if cells else ""


def _short(name: str, column: Column) -> str:
    """A column's name without its product's, where more is left."""
    return name.removeprefix(f"{column.product}-")


def _columns(measured: Comparison) -> str:
    return "\n".join(_wrapped(line) for line in columns(measured).splitlines())


def limits(measured: Comparison) -> str:
    """What a stand-in cannot show, an item for each thing."""
    return "\n".join(_limit(each.head, row) for each in measured.limits for row in each.rows)


def _limit(head: tuple[str, ...], row: tuple[str, ...]) -> str:
    said = ". ".join(f"{name.capitalize()}: {text}" for name, text in zip(head[1:], row[1:], strict=True) if text)
    return _wrapped(f"* **{row[0]}.** {said}")


def _wrapped(text: str) -> str:
    indent = "  " if text.startswith("* ") else ""
    return "\n".join(wrap(text, WIDE, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False))


if __name__ == "__main__":
    main()
