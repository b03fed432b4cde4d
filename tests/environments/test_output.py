"""Output that cannot be written, or should not be as it is."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.command import SHARDWISE, environment, shardwise
from tests.data import csv_text, row, write_sources

if TYPE_CHECKING:
    from pathlib import Path

RUN = [SHARDWISE, "run", "--engine", "local", "--run-id", "mine"]
BELL = "\x1b]0;title\x07"  # what a terminal takes for an order to change its title
LOUD = f"""
class Pipeline:
    name, version = "loud", 1

    def process_shard(self, context, shard_id, path):
        if context.data_url.endswith("broken"):
            raise ValueError("a cell: " + {BELL!r})
        path.touch()
        return {{}}

    def aggregate(self, context, shards):
        return {{}}

    def summary(self, result):
        return {{"cell": {BELL!r} + "é█"}}

pipeline = Pipeline()
"""


def run_into(output: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Merge the sample in a folder, with a descriptor as standard output."""
    return subprocess.run(
        RUN, cwd=folder, env=environment(), stdout=output, stderr=subprocess.PIPE, text=True, check=False
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16", "cp037"])
def test_a_result_is_shown_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    """What an encoding lacks is replaced; the run is done, and its exit status is 0."""
    done = subprocess.run(
        RUN, cwd=tmp_path, env=environment(PYTHONIOENCODING=encoding), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "1,000 profiles from 4,000 records" in done.stdout.decode(encoding)
    assert "#####" in done.stdout.decode(encoding) or encoding == "utf-16"


def test_render_serves_in_any_encoding(tmp_path: Path) -> None:
    """What the server says of its tasks may need other characters than its environment has."""
    (tmp_path / "é").mkdir()
    command = [SHARDWISE, "run", "--engine", "render", "--store", "é/store"]
    settings = environment(PYTHONIOENCODING="latin-1")
    done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "é/store/runs" in done.stdout.decode("latin-1")


def test_a_result_that_cannot_be_written_ends_as_its_run_did(tmp_path: Path) -> None:
    """A full disk is reported with status 0; the result is published and can be shown later."""
    with open("/dev/full", "w") as full:  # noqa: PTH123 — a device
        done = subprocess.run(
            RUN, cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (0, "shardwise: the result cannot be shown: No space left on device\n")
    assert shardwise("show", "mine", cwd=tmp_path).returncode == 0


def test_a_result_that_nobody_reads_ends_as_its_run_did(tmp_path: Path) -> None:
    """A pipe whose reader has gone, and an output that is closed, are not errors of the run."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        RUN, cwd=tmp_path, env=environment(), stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    closed = subprocess.run(["bash", "-c", '"$@" >&-', "bash", *RUN], cwd=tmp_path, env=environment(), check=False)
    assert closed.returncode == 0


def test_what_does_not_print_is_escaped_in_an_error(tmp_path: Path) -> None:
    """A second byte order mark is seen in the message about the header it spoils."""
    data = write_sources(tmp_path / "data", crm="\ufeff\ufeff" + csv_text("crm", [row("a")]))
    done = shardwise("run", "--engine", "local", "--data", str(data), cwd=tmp_path)
    assert done.returncode == 2
    assert "found: \\ufeffcustomer_id, " in done.stderr


def test_no_order_to_a_terminal_comes_through(tmp_path: Path) -> None:
    """Neither a summary, nor an error, nor a line of the log writes what a cell has to say to terminals."""
    (tmp_path / "loud.py").write_text(LOUD)
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    options = ("--pipeline", "loud:pipeline", "--engine", "local", "--shards", "1", "--verbose")
    whole = shardwise("run", *options, "--data", "whole", cwd=tmp_path)
    assert (whole.returncode, "\\x1b]0;title\\x07é█" in whole.stdout) == (0, True)
    broken = shardwise("run", *options, "--data", "broken", cwd=tmp_path, SHARDWISE_MAX_RETRIES="0")
    assert (broken.returncode, "a cell: \\x1b]0;title\\x07" in broken.stderr) == (1, True)
    assert "\x1b" not in whole.stdout + whole.stderr + broken.stdout + broken.stderr


def test_json_is_the_same_in_any_encoding(tmp_path: Path) -> None:
    """``--json`` needs no character that an encoding may lack."""
    done = shardwise("run", "--engine", "local", "--json", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert json.loads(done.stdout)["profiles_generated"] == 1_000
