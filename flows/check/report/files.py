"""Writes the reports of a check: check.json, check.html and check.junit.xml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.check.report.junit import junit
from flows.check.report.page import render_page

if TYPE_CHECKING:
    from pathlib import Path

    from flows.check.record import CheckRecord


def write_reports(record: CheckRecord, out: Path) -> None:
    """Write all reports to an existing folder. Only the owner can read them, because they contain rows."""
    files = {
        "check.json": record.model_dump_json(indent=1) + "\n",
        "check.html": render_page(record),
        "check.junit.xml": junit(record),
    }
    for name, text in files.items():
        path = out / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
