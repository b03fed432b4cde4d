"""Documents, docstrings, comments and messages use the words of the field."""

from __future__ import annotations

import ast
import re
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("flows", "shared", "deployments")
SAY = {  # what a reader stumbles over, and what to write
    r"\b(is|are|was|were|be) told\b": "gets, is given, is set",
    r"\btold (apart|alone|as)\b": "distinguished; reported",
    r"\b(goes|go|went|going) on\b": "is still running, continues, resumes",
    r"\banew\b": "again",
    r"\bto (its|their) (own )?end\b": "until it ends, completely",
    r"\bmade (good|up for)\b": "repaired; caught up",
    r"\bsaid to\b": "reported as",
    r"\bshall\b": "must, should, present tense",
    r"\bfor good\b": "after all retries, permanently",
    r"\bnobody (waits|has|need|else|else's|watches|sees|asked)\b": "the reason, with the subject first",
    r"\b(number|date|one|text|value|path) that is none\b": "invalid",
    r"\bbefore all else\b": "first",
    r"\b(comes?|came|coming) into being\b": "is created, is made",
    r"\bis away\b|\baway for a moment\b": "is unavailable",
    r"\b(became|become|becomes) of\b": "the result",
    r"\bfor want of\b": "because there is no",
    r"\bby asking\b": "polls",
    r"\blast look\b": "a final check",
    r"\b(strike[rs]?|struck|buried|zygotes?|hoards?|doors?|twins?)\b": "inject, step, duplicate attempt, fork server",
    r"\b(surprises|redone|doubled)\b": "mismatches, reprocessed, duplicated",
    r"\b(heals?|healed) by\b|\bfails? loudly\b|\bfailed loudly\b": "recovered; failed with an error",
    r"\b(tally|tallies|shims?)\b": "aggregate; adapter",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\btaken for\b|\btakes? (it|them|its \w+) for\b": "counts as",
    r"\bwith nothing else\b|\bin earnest\b|\bby and by\b": "plain words",
    r"\bof (ours|yours|theirs)\b": "our, your, their",
    r"\b(somebody|whoever|whomever|anybody|everybody)\b": "a user, the caller, the process",
    r"\b\w+: (?-i:Of) (the|a|an|its|that|this|each|those|all)\b": "a whole noun phrase",
    r"^See ``?\w+``?\.": "a sentence",
    r"\b(is|are) there already\b": "exists",
    r"\b(is|are) asked for\b": "is requested",
    r"\bone for each\b": "one per",
    r"\b(un)?done again\b": "repeated, processed again",
}
PROSE = {*ROOT.glob("*.md"), *(path for folder in (*FOLDERS, "tests") for path in (ROOT / folder).rglob("*.md"))}
CODE = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
PAGES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.j2"))


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what people read in a file, with its line.

    This is the whole text of a document, and docstrings, comments and strings of code. Strings of tests are left out,
    because many are data.
    """
    if path.suffix != ".py":
        yield from enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        return
    of_test = path in TESTS
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if of_test and isinstance(node, DOCUMENTED):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
        elif not of_test and isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def found(path: Path) -> list[str]:
    """Return where a file has one of them, and what to write."""
    texts = [(line, " ".join(text.split())) for line, text in sentences(path)]
    return [
        f"{path.relative_to(ROOT)}:{line}: {match[0]!r}: write {instead}"
        for line, text in texts
        for words, instead in SAY.items()
        for match in re.finditer(words, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", sorted(PROSE) + CODE + PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_is_written_plainly(path: Path) -> None:
    """No document, docstring, comment or message has a word that a stranger has to learn."""
    assert found(path) == []


def test_tests_are_written_plainly() -> None:
    """The same for docstrings and comments of tests."""
    assert [each for path in TESTS for each in found(path)] == []


def test_a_wrong_word_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a docstring, a comment, a message and a document, with its line."""
    monkeypatch.setattr("tests.test_words.ROOT", tmp_path)
    code, document = tmp_path / "code.py", tmp_path / "a.md"
    code.write_text('"""The run goes\non."""\nx = f"it is told {1}"  # it shall\n')
    document.write_text("One.\nIt starts anew.\n")
    places = [each.split(": ")[0] for each in (*found(code), *found(document))]
    assert places == ["code.py:1", "code.py:3", "code.py:3", "a.md:2"]
