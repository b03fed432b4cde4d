"""The files that a comparison leaves: compare.json for programs, report.md and report.html for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flows.compare.report import markdown
from flows.compare.report.content import content_of
from flows.compare.report.page.render import render_page

if TYPE_CHECKING:
    from pathlib import Path

    from flows.compare.cells import Cell
    from flows.compare.context import ComparisonContext


def write_reports(out: Path, context: ComparisonContext, cells: list[Cell]) -> None:
    """Write all three into a folder."""
    content = content_of(context, cells)
    (out / "compare.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
    (out / "report.md").write_text(markdown.report(content), encoding="utf-8")
    (out / "report.html").write_text(render_page(content), encoding="utf-8")
