"""The documents are short: the README's length, paragraphs, and the lines that programs write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.compare.report.readme import answer, recorded

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in (
        *ROOT.glob("*.md"),
        *(path for top in ("flows", "shared", "deployments", "tests") for path in (ROOT / top).rglob("*.md")),
    )
)
README_LINES, ANSWER_LINES, LONGEST, PARAGRAPH = 150, 15, 160, 5
CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def text(document: Path) -> str:
    """All of a document."""
    return (ROOT / document).read_text(encoding="utf-8")


def test_the_readme_is_short() -> None:
    """Three screens."""
    assert len(text(Path("README.md")).splitlines()) <= README_LINES


def test_the_answer_is_short() -> None:
    """A table of seven rows with its footnotes."""
    made = answer(recorded())
    assert len(made.splitlines()) <= ANSWER_LINES
    assert sum(line.startswith("|") for line in made.splitlines()) == 2 + 7


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_generated_lines_are_short(document: Path) -> None:
    """What stands between two markers of a program."""
    blocks = re.findall(r"<!-- \w+: begin.*?-->\n(.*?)<!-- \w+: end", text(document), re.DOTALL)
    assert [line for block in blocks for line in block.splitlines() if len(line) > LONGEST] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_paragraphs_are_short(document: Path) -> None:
    """Of prose, the items of lists too; no line of them is wider than the others."""
    prose = CODE.sub("", text(document))
    blocks = (re.split(r"\n(?=\s*(?:[*-]|\d+\.) )", block) for block in re.split(r"\n\s*\n", prose))
    paragraphs = [
        each.strip() for block in blocks for each in block if not each.lstrip().startswith(("|", "<!--", "#"))
    ]
    long = [each[:60] for each in paragraphs if len(each.splitlines()) > PARAGRAPH]
    wide = [line[:60] for each in paragraphs for line in each.splitlines() if len(line) > LONGEST and "|" not in line]
    assert (long, wide) == ([], [])
