from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import shared

ROOT = Path(shared.__file__).resolve().parents[1]
LOAD = """
import sys
from pathlib import Path
from flows.check.loading import load
from shared.run.errors import TerminalError
kinds = {"number": lambda thing: type(thing) is int, "pair": lambda thing: type(thing) is tuple}
try:
    print(*load(sys.argv[1], Path.cwd(), kinds))
except TerminalError as error:
    print("refused:", error)
"""


def loaded(reference: str, folder: Path) -> str:
    """What loading a reference gives, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{LOAD}", reference],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout.strip()


def test_a_file_finds_what_is_beside_it(tmp_path: Path) -> None:
    """As it does where it is run as a script."""
    (tmp_path / "etl").mkdir()
    (tmp_path / "etl" / "beside.py").write_text("NUMBER = 7")
    (tmp_path / "etl" / "nightly.py").write_text("from beside import NUMBER as number")
    assert loaded("etl/nightly.py:number", tmp_path) == "7 nightly:number"


def test_a_module_is_found_from_the_folder(tmp_path: Path) -> None:
    """Names may have dots."""
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "jobs.py").write_text("class Jobs:\n    number = 7")
    assert loaded("team.jobs:Jobs.number", tmp_path) == "7 team.jobs:Jobs.number"


def test_packages_of_our_names_are_found_too(tmp_path: Path) -> None:
    """A project may have folders called flows and shared."""
    for name in ("flows", "shared"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own_tasks.py").write_text("NUMBER = 7")
    (tmp_path / "flows" / "nightly.py").write_text(
        "from flows.own_tasks import NUMBER\nfrom shared.own_tasks import NUMBER as other\nnumber = NUMBER + other"
    )
    assert loaded("flows.nightly:number", tmp_path) == "14 flows.nightly:number"


@pytest.mark.parametrize("name", ["json", "my job", "sys", "2026-11"])
def test_odd_names_of_files(tmp_path: Path, name: str) -> None:
    """A file may have the name of a module of Python, or none that an import could have."""
    (tmp_path / f"{name}.py").write_text("number = 7")
    assert loaded(f"{name}.py:number", tmp_path).startswith("7 checked_")


@pytest.mark.parametrize(
    ("reference", "source", "message"),
    [
        ("etl.py", "", "the target is 'etl.py'; it must be like etl.py:nightly"),
        ("missing.py:number", "", "there is no file"),
        ("no.such.module:number", "", "no.such.module cannot be imported: ModuleNotFoundError"),
        ("etl.py:nmber", "number = 7", "etl.py has no nmber; it has the number number"),
        (
            "etl.py:value",
            "value = 7.5",
            "etl.py:value is neither a number nor a pair, but 7.5; it has no number, no pair",
        ),
        ("etl.py:number", "number = 7\n1 / 0", "ZeroDivisionError: division by zero"),
        ("etl.py:number", "import sys; sys.exit(3)", "SystemExit: 3"),
        ("etl.py:number", "number =", "etl.py cannot be imported: invalid syntax"),
    ],
)
def test_what_cannot_be_loaded_is_told(tmp_path: Path, reference: str, source: str, message: str) -> None:
    """With the file, the line and what there is instead."""
    (tmp_path / "etl.py").write_text(source)
    told = loaded(reference, tmp_path)
    assert told.startswith("refused:")
    assert message in told
    if "ZeroDivision" in message:
        assert "line 2" in told
