"""The files that a comparison leaves: compare.json and JUnit XML for programs, report.md and report.html for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.report import markdown
from flows.compare.report.junit import junit
from flows.compare.report.page.document import render_page

if TYPE_CHECKING:
    from pathlib import Path

    from flows.compare.record.comparison import Comparison


def write_reports(out: Path, comparison: Comparison) -> None:
    """Write all of them into a folder, which exists."""
    for name, text in {
        "compare.json": comparison.model_dump_json() + "\n",
        "compare.junit.xml": junit(comparison),
        "report.md": markdown.report(comparison),
        "report.html": render_page(comparison),
    }.items():
        (out / name).write_text(text, encoding="utf-8")
