"""``shardwise generate``: what it writes by default, what it refuses to write over, and what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from typer.testing import CliRunner

from flows.cli import app
from flows.commands import progress
from flows.commands.generate import LONG, _shown
from shared.customers.schema import SOURCES
from shared.run.errors import TerminalError
from shared.run.settings import SAMPLE_DATA
from tests.command import shardwise

if TYPE_CHECKING:
    from pathlib import Path


def refusal(*options: str) -> str:
    """The sentence with which the command refuses these options."""
    error = CliRunner().invoke(app, ["generate", *options]).exception
    assert isinstance(error, TerminalError)
    return str(error)


def test_the_sample_by_default(tmp_path: Path) -> None:
    """Without options it writes the committed sample, byte for byte, and prints each file it wrote."""
    done = shardwise("generate", "--out", "data", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    written = {source.file: (tmp_path / "data" / source.file).read_bytes() for source in SOURCES}
    assert written == {source.file: (SAMPLE_DATA / source.file).read_bytes() for source in SOURCES}
    assert done.stdout.splitlines() == [
        f"{tmp_path / 'data' / name}  {len(content):,} bytes" for name, content in written.items()
    ]


def test_files_that_are_there_stay(tmp_path: Path) -> None:
    """Before, they were replaced in silence; now the command names them and ``--force``, and writes nothing."""
    (tmp_path / "billing.csv").write_text("mine")
    assert refusal("--out", str(tmp_path)) == (
        f"{tmp_path} has billing.csv already; use another folder, or --force to replace them"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["billing.csv"]
    assert CliRunner().invoke(app, ["generate", "--out", str(tmp_path), "--force"]).exit_code == 0
    assert (tmp_path / "billing.csv").read_bytes() == (SAMPLE_DATA / "billing.csv").read_bytes()


def test_a_url_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, ``s3://bucket/data`` made a local folder ``s3:``."""
    monkeypatch.chdir(tmp_path)
    assert refusal("--out", "s3://bucket/data").startswith(
        "--out is s3://bucket/data; data is generated into a local folder"
    )
    assert CliRunner().invoke(app, ["generate", "--out", f"file://{tmp_path}/data"]).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A file in the folder's place is named."""
    (tmp_path / "data").write_text("mine")
    assert refusal("--out", str(tmp_path / "data")) == f"--out is {tmp_path}/data, which is a file; name a folder"


@pytest.mark.parametrize(("customers", "seen"), [(LONG, True), (LONG - 1, False)])
def test_progress_from_a_million_on(customers: int, seen: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """On a terminal a bar shows how much is written, where that takes seconds."""
    console = Console(force_terminal=True, record=True, width=100)
    monkeypatch.setattr(progress, "console", console)
    with console.capture() as shown, _shown(customers) as advance:
        advance(customers)
    assert ("writing 1,000,000 customers" in shown.get()) is seen
    assert ("25%" in shown.get()) is seen
