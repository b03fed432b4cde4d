"""The documents' commands, run as a reader would: in order, in one folder, from the installed command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.run.settings import settings_table
from tests.command import environment
from tests.prefect_server import free_port, started
from tests.processes import processes_with
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "flows/commands/README.md").read_text(encoding="utf-8")
ON_RENDER = (ROOT / "flows/on_render/README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "flows/commands/README.md",
    "flows/compare/README.md",
    "flows/on_render/README.md",
    "deployments/guides.md",
]


def commands(document: str) -> list[str]:
    """The commands of a document's console blocks, in their order."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)
    lines = (line for block in blocks for line in block.splitlines())
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


MAKE = sorted({command for document in DOCUMENTS for command in commands(document) if command.startswith("make ")})


def reader(folder: Path) -> dict[str, str]:
    """A reader's environment: our commands on the path, a Prefect home and a store of the folder."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return environment(
        PATH=path, PREFECT_HOME=str(folder / "prefect"), PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="120"
    )


def save_files(document: str, folder: Path) -> None:
    """Save what a document has its reader save."""
    saved = re.compile(r"Save this as `(\w+\.py)`:\n\n(?:<!-- .*? -->\n\n)?```python\n(.*?)```", re.DOTALL)
    for name, code in saved.findall((ROOT / document).read_text(encoding="utf-8")):
        (folder / name).write_text(code, encoding="utf-8")


def shown_lines(document: str, of: str) -> set[str]:
    """The lines of the output block with a text, those excepted that differ from run to run."""
    block = next(block for block in re.findall(r"```text\n(.*?)```", document, re.DOTALL) if of in block)
    return {line.rstrip() for line in block.splitlines() if not line.startswith(("run ", "output in"))}


def printed_lines(folder: Path, *commands: str) -> set[str]:
    """What some commands print."""
    printed = ""
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=reader(folder), capture_output=True, text=True, check=True
        )
        printed += done.stdout
    return {line.rstrip() for line in printed.splitlines()}


def test_every_command_is_of_a_kind_that_is_tested() -> None:
    """No command of the documents escapes these tests."""
    every = [command for document in DOCUMENTS for command in commands(document)]
    assert [command for command in every if not command.startswith(("shardwise ", "make "))] == []
    assert "make run" in MAKE


@pytest.mark.timeout(300)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_commands_work_in_the_order_they_are_read(document: str, tmp_path: Path) -> None:
    """Each of our commands ends with 0 after those before it; the files that the document has you save are there."""
    save_files(document, tmp_path)
    for command in [command for command in commands(document) if command.startswith("shardwise ")]:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=reader(tmp_path), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_smallest_job_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """Two functions, saved and run over generated data."""
    save_files("README.md", tmp_path)
    generate, run = [command for command in commands("README.md") if "my-data" in command][:2]
    assert shown_lines(README, "words ") - printed_lines(tmp_path, generate, run) == set()


def test_the_template_is_shown_whole_with_its_output(tmp_path: Path) -> None:
    """The document has the file that ``new-pipeline`` writes, and what it prints, run id and folder excepted."""
    shown = re.search(r"<!-- template: begin[^\n]*\n\n```python\n(.*?)```", COMMANDS, re.DOTALL)
    assert shown is not None
    written, run = [command for command in commands("flows/commands/README.md") if "clicks" in command][:2]
    printed = printed_lines(tmp_path, written, run)
    assert (tmp_path / "clicks.py").read_text(encoding="utf-8") == shown[1]
    assert shown_lines(COMMANDS, "v1:20:") - printed == set()


@pytest.mark.parametrize("command", MAKE)
def test_make_targets_exist(command: str) -> None:
    """Each target that the README names is one of the Makefile's."""
    assert subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_make_run_merges_the_sample_on_a_temporary_server(tmp_path: Path) -> None:
    """``make run`` prints the summary that the README shows, run id and place excepted, and leaves no process."""
    if not (ROOT / ".venv" / "run").exists():
        pytest.skip("make run would install a virtual environment into the checkout")
    settings = reader(tmp_path) | {"SHARDWISE_STORE_URL": str(tmp_path / "store")}
    done = subprocess.run(["make", "run"], cwd=ROOT, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    home = tmp_path / "prefect"
    wait_until(lambda: not processes_with("PREFECT_HOME", home), timeout=30, what="the end of all processes of the run")
    printed = {line.rstrip() for line in done.stdout.splitlines()}
    assert shown_lines(README, "on prefect") - printed == set()


def test_every_setting_that_is_read_is_told() -> None:
    """Each SHARDWISE_* variable of the code is in the table of settings."""
    code = "".join(
        path.read_text(encoding="utf-8") for top in ("shared", "flows") for path in (ROOT / top).rglob("*.py")
    )
    read = set(re.findall(r"SHARDWISE_[A-Z]+(?:_[A-Z]+)*", code))
    assert read - set(re.findall(r"SHARDWISE_[A-Z]+(?:_[A-Z]+)*", COMMANDS)) == set()


def test_the_table_of_settings_is_the_codes() -> None:
    """The document shows what ``python -m shared.run.settings`` prints."""
    shown = re.search(r"<!-- settings: begin[^\n]*\n\n(.*?)\n\n<!-- settings: end -->", COMMANDS, re.DOTALL)
    assert shown is not None
    assert shown[1] == settings_table()


def test_the_two_terminals_of_render(tmp_path: Path) -> None:
    """What the README says in one terminal serves what it says in another, which prints the two lines shown."""
    section = ON_RENDER[: ON_RENDER.index("## On the cloud")]
    serve, trigger, *_ = re.findall(r"```sh\n(.*?)\n```", section, re.DOTALL)
    port = free_port()
    log = tmp_path / "server.log"
    settings = reader(tmp_path) | {"SHARDWISE_STORE_URL": str(tmp_path / "store")}
    with started(["bash", "-c", f"exec {serve} --port {port}"], log, settings):
        wait_until(lambda: "5 tasks found" in log.read_text(), timeout=60, what="the list of tasks")
        url = f"RENDER_LOCAL_DEV_URL=http://127.0.0.1:{port}"
        done = subprocess.run(
            ["bash", "-c", trigger.replace("RENDER_USE_LOCAL_DEV=true", url)],
            cwd=tmp_path,
            env=settings,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"Run started: trn-\w+\nMerged 1000 enriched profiles across 10 shards in \d+\.\ds\n", done.stdout
    )
