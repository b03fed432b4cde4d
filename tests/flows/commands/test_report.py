"""``shardwise report``: the page of any record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.commands.exits import WRONG_USE
from flows.compare.record.comparison import Comparison
from flows.compare.report.readme import MEASURED
from tests.command import shardwise

if TYPE_CHECKING:
    from pathlib import Path


def test_the_committed_record_is_the_default(tmp_path: Path) -> None:
    """It prints where the page is, and the page has every scenario of the record."""
    done = shardwise("report", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "shardwise-report.html\n")
    page = (tmp_path / "shardwise-report.html").read_text(encoding="utf-8")
    scenarios = Comparison.model_validate_json(MEASURED.read_bytes()).scenarios
    assert [name for name in scenarios if f"<code>{name}</code>" not in page] == []


def test_any_record_can_be_given(tmp_path: Path) -> None:
    """Its verdicts and conclusions are derived again, and only its columns are on the page."""
    whole = Comparison.model_validate_json(MEASURED.read_bytes())
    cells = tuple(cell for cell in whole.cells if cell.column == "local")
    part = whole.model_copy(update={"cells": cells, "columns": {"local": whole.columns["local"]}})
    (tmp_path / "mine.json").write_text(part.model_dump_json(), encoding="utf-8")
    done = shardwise("report", "mine.json", "--out", "mine.html", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "mine.html\n")
    page = (tmp_path / "mine.html").read_text(encoding="utf-8")
    assert f"{len(cells)} runs of" in page
    assert "prefect-deployed" not in page


def test_a_file_that_is_no_record_is_refused_by_name(tmp_path: Path) -> None:
    """Whatever is wrong with it, the message has its name, and nothing is written."""
    (tmp_path / "notes.json").write_text("[]", encoding="utf-8")
    for name in ("notes.json", "absent.json"):
        done = shardwise("report", name, cwd=tmp_path)
        assert done.returncode == WRONG_USE
        assert f"FILE {name}" in done.stderr
    assert not (tmp_path / "shardwise-report.html").exists()


def test_a_page_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    """The path of --out is in it."""
    done = shardwise("report", "--out", str(tmp_path / "no" / "page.html"), cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (WRONG_USE, 1)
    assert "no/page.html" in done.stderr
