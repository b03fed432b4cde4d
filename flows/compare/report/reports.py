"""The files that a comparison leaves: compare.json and JUnit XML for programs, report.md and report.html for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flows.compare.report import markdown
from flows.compare.report.junit import junit
from flows.compare.report.page.render import render_page

if TYPE_CHECKING:
    from pathlib import Path

FILES = "compare.json, compare.junit.xml, report.md, report.html"


def write_reports(out: Path, content: dict[str, Any]) -> None:
    """Write all of them into a folder, which exists."""
    for name, text in {
        "compare.json": json.dumps(content) + "\n",
        "compare.junit.xml": junit(content),
        "report.md": markdown.report(content),
        "report.html": render_page(content),
    }.items():
        (out / name).write_text(text, encoding="utf-8")
