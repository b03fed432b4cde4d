"""Writes the files of a comparison: compare.json, JUnit XML, report.md and report.html."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.report import markdown
from flows.compare.report.junit import junit
from flows.compare.report.page.document import render_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flows.compare.record.comparison import Comparison


def write_reports(out: Path, comparison: Comparison) -> list[str]:
    """Write all of them into a folder, which exists; what could not be made, in words: it keeps no other from it."""
    problems = []
    for name, make in MADE.items():
        try:
            _write(out / name, make(comparison))
        except Exception as error:  # noqa: BLE001 — a record from elsewhere may hold anything
            problems.append(f"{name} could not be made: {type(error).__name__}: {error}")
    return problems


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner can read: it quotes what runs said."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


MADE: dict[str, Callable[[Comparison], str]] = {
    "compare.json": lambda comparison: comparison.model_dump_json() + "\n",
    "compare.junit.xml": junit,
    "report.md": markdown.report,
    "report.html": render_page,
}
