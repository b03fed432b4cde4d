"""The command: exit codes, what it prints where, settings, resume."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.compare.scenarios.catalogue import scenarios_for
from flows.registry import COLUMNS, ENGINES
from shared.run.policy import shard_policy
from shared.run.settings import SAMPLE_DATA
from shared.run.summary import PROTOCOL
from tests.command import SHARDWISE, environment, shardwise
from tests.golden import GOLDEN_DIGEST, SHARD_COUNTS
from tests.old_store import write_old_run
from tests.prefect_server import ROOT
from tests.waiting import wait_until


def run_local(folder: Path, *options: str, **settings: str) -> dict[str, Any]:
    """Run engine local in a folder and return the result it printed."""
    done = shardwise("run", "--engine", "local", "--json", *options, cwd=folder, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_sample_gives_the_golden_digest_and_shard_counts(tmp_path: Path) -> None:
    """The committed sample merges to the known digest, 10 shards of known sizes."""
    result = run_local(tmp_path)
    assert result["digest"] == GOLDEN_DIGEST
    assert [timing["count"] for timing in result["shard_timings"]] == SHARD_COUNTS
    assert (result["profiles_generated"], result["records_processed"], result["shards_processed"]) == (1_000, 4_000, 10)
    assert result["sample_profile"]["customer_id"] == "cust_00000001"


PRINTS = ["run", "--pipeline", "tests.pipelines.prints", "--shards", "2"]
PRINTED = [each for step in ("stage", "shard", "aggregate", "verify") for each in (step, f"a child of {step}")]


@pytest.mark.parametrize("engine", ["local", "render"])
@pytest.mark.parametrize("isolation", ["process", "none"])
def test_what_a_pipeline_prints_is_not_in_the_json(tmp_path: Path, engine: str, isolation: str) -> None:
    """Nor what its child processes print: it goes to stderr, or into the engine's log."""
    settings = {"SHARDWISE_ISOLATION": isolation, "PYTHONPATH": str(ROOT)}
    done = shardwise(*PRINTS, "--engine", engine, "--json", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["shards_processed"] == 2
    seen = PRINTED if engine == "local" else PRINTED[-2:]
    assert [each for each in seen if f"{each} prints\n" not in done.stderr] == []


def test_a_finished_run_is_verified(tmp_path: Path) -> None:
    """What ``verify`` finds is in the result and ends the command with 1; the output stays published."""
    settings = {"SHARDWISE_ISOLATION": "none", "PYTHONPATH": str(ROOT)}
    run = (*PRINTS, "--engine", "local")
    found = shardwise(*run, "--param", "problem=order 7 is there twice", cwd=tmp_path, **settings)
    assert found.returncode == 1
    assert found.stderr.endswith(
        "verify of the pipeline prints finds problems:\n  order 7 is there twice\n"
        "The run has finished; its output is published.\n"
    )
    assert "digest" in found.stdout
    well = shardwise(*run, "--json", cwd=tmp_path, **settings)
    assert json.loads(well.stdout)["verify"] == []


@pytest.mark.parametrize("shards", [1, 7, 100])
def test_the_digest_is_free_of_the_number_of_shards(tmp_path: Path, shards: int) -> None:
    """Any number of shards gives the golden digest."""
    assert run_local(tmp_path, "--shards", str(shards))["digest"] == GOLDEN_DIGEST


def test_one_worker_works_without_other_processes(tmp_path: Path) -> None:
    """``--workers 1`` is a plain loop with the same digest."""
    assert run_local(tmp_path, "--workers", "1")["digest"] == GOLDEN_DIGEST


def test_the_run_is_kept_in_the_current_folder_by_default(tmp_path: Path) -> None:
    """Without settings the store is ``.shardwise`` where the command was called, and the profiles are there."""
    output = Path(run_local(tmp_path)["output"])
    assert output.is_relative_to(tmp_path / ".shardwise")
    assert len(list(output.glob("*.parquet"))) == 10


def test_an_option_wins_over_our_variable_and_ours_over_the_tutorials(tmp_path: Path) -> None:
    """The order is option, SHARDWISE_*, the tutorial's name, default."""
    settings = {"NUM_SHARDS": "3", "DATA_DIR": str(SAMPLE_DATA), "SHARDWISE_STORE_URL": str(tmp_path / "s")}
    assert run_local(tmp_path, **settings)["shards_processed"] == 3
    assert run_local(tmp_path, **settings, SHARDWISE_NUM_SHARDS="4")["shards_processed"] == 4
    assert run_local(tmp_path, "--shards", "5", **settings, SHARDWISE_NUM_SHARDS="4")["shards_processed"] == 5


def test_the_summary_tells_counts_health_and_where_the_profiles_are(tmp_path: Path) -> None:
    """Without ``--json`` a person reads a summary, also where a folder's name looks like markup."""
    store = tmp_path / "a [red]store"
    done = shardwise("run", "--engine", "local", "--run-id", "mine", "--store", str(store), cwd=tmp_path)
    assert done.returncode == 0
    for part in ("mine on local", "1,000 profiles from 4,000 records", "55.5 on average", "HIGH", GOLDEN_DIGEST):
        assert part in done.stdout
    assert str(store / "runs/mine/profiles") in done.stdout


def test_show_prints_a_finished_run(tmp_path: Path) -> None:
    """``show RUN --json`` prints what the run printed."""
    result = run_local(tmp_path, "--run-id", "mine")
    shown = shardwise("show", "mine", "--json", cwd=tmp_path)
    assert (shown.returncode, json.loads(shown.stdout)) == (0, result)


def test_a_store_of_version_0_1_is_refused(tmp_path: Path) -> None:
    """Every command that reads it, or would write into it, says so in one sentence and ends with 2."""
    write_old_run(tmp_path / ".shardwise", SAMPLE_DATA)
    for command in (["show", "old"], ["runs"], ["run", "--engine", "local", "--run-id", "new", "--shards", "1"]):
        done = shardwise(*command, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(
            f"shardwise: run old in {tmp_path}/.shardwise was made by version 0.1 of shardwise"
        )
        assert len(done.stderr.splitlines()) == 1


OWN = """
def process_shard(context, shard_id, path):
    path.write_text(str(shard_id))
    return {"sum": shard_id}


def aggregate(context, shards):
    found = [shard["sum"] for shard in shards]
    return {"total": 1000 * sum(found), "name": "\\x1bown", "all": found}
"""


def test_what_the_aggregate_of_an_own_pipeline_found_is_printed(tmp_path: Path) -> None:
    """Its numbers and texts, and that the digest counts files; ``show`` prints them where the pipeline is not."""
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    for folder in (there, elsewhere):
        folder.mkdir()
    (there / "own.py").write_text(OWN, encoding="utf-8")
    run = ["run", "--engine", "local", "--pipeline", "own", "--shards", "3", "--run-id", "mine", "--store", "../store"]
    ended = shardwise(*run, cwd=there, COLUMNS="120")
    assert ended.returncode == 0, ended.stderr
    shown = shardwise("show", "mine", "--store", "../store", cwd=elsewhere, COLUMNS="120")
    assert shown.returncode == 0, shown.stderr
    for printed in (ended.stdout, shown.stdout):
        lines = dict(line.split(maxsplit=1) for line in printed.splitlines())
        assert (lines["total"].strip(), lines["name"].strip(), lines["shards"].strip()) == ("3,000", r"\x1bown", "3")
        assert "all" not in lines
    assert ended.stdout.count(" over files") == 1

    result = json.loads(shardwise("show", "mine", "--json", "--store", "../store", cwd=elsewhere).stdout)
    assert result.keys() - {"total", "name", "all"} == PROTOCOL


def test_show_of_an_unknown_run_is_wrong_use(tmp_path: Path) -> None:
    """A run that the store does not have ends with 2 and names both."""
    done = shardwise("show", "nope", cwd=tmp_path)
    assert done.returncode == 2
    assert "no run nope" in done.stderr
    assert str(tmp_path / ".shardwise") in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shards", "0"], "num_shards is 0; it must be a whole number from 1 to 10,000"),
        (["--shards", "10001"], "num_shards is 10001"),
        (["--run-id", "../up"], "run_id is '../up'"),
        (["--max-rejects", "-1"], "max_rejects is '-1'"),
        (["--data", "nowhere"], "crm.csv is missing"),
        (["--engine", "airflow"], "airflow"),
        (["--sharsd", "3"], "--sharsd"),
    ],
)
def test_wrong_use_ends_with_2_and_one_message(tmp_path: Path, options: list[str], said: str) -> None:
    """A bad value is refused before any work, naming it; nothing is left behind, and no traceback is shown."""
    done = shardwise(
        "run", *options, cwd=tmp_path, SHARDWISE_STORE_URL=str(tmp_path / "store"), PREFECT_HOME=str(tmp_path)
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store").exists()


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    """A variable that cannot be read ends with 2 and names the variable and its value."""
    done = shardwise("run", "--engine", "local", cwd=tmp_path, NUM_SHARDS="many")
    assert done.returncode == 2
    assert "NUM_SHARDS is 'many'" in done.stderr


def test_one_malformed_row_of_100k_ends_with_one_message(tmp_path: Path) -> None:
    """The message names file, line, column and value; the exit code is 2, and nothing is published."""
    assert (
        shardwise(
            "generate", "--customers", "100000", "--as-of", "2026-01-31", "--out", "data", cwd=tmp_path
        ).returncode
        == 0
    )
    billing = tmp_path / "data" / "billing.csv"
    lines = billing.read_text(encoding="utf-8").splitlines(keepends=True)
    cells = lines[50_000].split(",")
    cells[3] = "12.7"
    lines[50_000] = ",".join(cells)
    billing.write_text("".join(lines), encoding="utf-8")
    done = shardwise("run", "--engine", "local", "--data", "data", "--run-id", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "billing.csv line 50001, column mrr: '12.7' not a whole number" in done.stderr
    assert "Traceback" not in done.stderr
    run = tmp_path / ".shardwise/runs/mine"
    assert not (run / "profiles").exists()
    assert not (run / "result.json").exists()


def test_a_killed_run_is_resumed_by_its_name(tmp_path: Path) -> None:
    """After a kill -9 in the middle, the same run_id ends with the digest and leaves committed shards as they were."""
    manifests = tmp_path / ".shardwise/runs/mine/manifests"
    command = [SHARDWISE, "run", "--engine", "local", "--run-id", "mine", "--shards", "100"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: len(list(manifests.glob("*.json"))) >= 5, timeout=60, what="five committed shards")
        process.send_signal(signal.SIGKILL)
    before = {path.name: path.stat().st_mtime_ns for path in manifests.glob("*.json")}
    assert len(before) < 100
    unfinished = shardwise("show", "mine", cwd=tmp_path)
    assert unfinished.returncode == 1
    assert "has not finished" in unfinished.stderr
    assert run_local(tmp_path, "--run-id", "mine", "--shards", "100")["digest"] == GOLDEN_DIGEST
    after = {path.name: path.stat().st_mtime_ns for path in manifests.glob("*.json")}
    assert {name: after[name] for name in before} == before


def test_a_run_cannot_change_its_shards(tmp_path: Path) -> None:
    """The same run_id with another number of shards is refused, naming both."""
    run_local(tmp_path, "--run-id", "mine")
    done = shardwise("run", "--engine", "local", "--run-id", "mine", "--shards", "3", cwd=tmp_path)
    assert done.returncode == 2
    assert "num_shards 10 and now has 3" in done.stderr


def test_redact_keeps_the_sample_profile_out(tmp_path: Path) -> None:
    """``--redact`` leaves the one profile out of the result."""
    assert run_local(tmp_path, "--redact")["sample_profile"] is None


def test_an_interrupt_says_how_to_go_on(tmp_path: Path) -> None:
    """Ctrl-C ends with 130 and one message, and what had not begun is left."""
    runs = tmp_path / ".shardwise/runs"
    command = [SHARDWISE, "run", "--engine", "local", "--shards", "1000"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: len(list(runs.glob("*/manifests/*"))) >= 5, timeout=60, what="shards at work")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "same --run-id" in said
    assert len(list(runs.glob("*/manifests/*"))) < 1_000


def test_clean_lists_first_and_removes_on_yes(tmp_path: Path) -> None:
    """Old stagings and runs are listed without ``--yes``, removed with it; young ones stay."""
    run_local(tmp_path, "--run-id", "old")
    for path in (tmp_path / ".shardwise").rglob("*"):
        os.utime(path, (0, 0))
    run_local(tmp_path, "--run-id", "young", "--shards", "3")
    listed = shardwise("clean", "--older-than", "30d", cwd=tmp_path)
    assert "runs/old" in listed.stdout
    assert "runs/young" not in listed.stdout
    assert (tmp_path / ".shardwise/runs/old").exists()
    assert shardwise("clean", "--older-than", "30d", "--yes", cwd=tmp_path).returncode == 0
    assert sorted(path.name for path in (tmp_path / ".shardwise/runs").iterdir()) == ["young"]
    assert len(list((tmp_path / ".shardwise/staged").iterdir())) == 1


@pytest.mark.parametrize("command", [["run", "--engine", "local"], ["runs"], ["clean", "--older-than", "1d"]])
@pytest.mark.parametrize(
    ("store", "reason"),
    [
        ("memory://x", "cannot be used: memory:// cannot create a file for exactly one of many processes; "),
        ("s3://bucket/x", "cannot be used: Unable to locate credentials; "),
        ("file", "cannot be used: {store}/shardwise-store.json cannot be read: Not a directory; "),
    ],
)
def test_what_cannot_be_a_store(tmp_path: Path, command: list[str], store: str, reason: str) -> None:
    """It is wrong use, told in one sentence that names the store."""
    (tmp_path / "file").touch()
    settings = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    ended = shardwise(*command, "--store", store, cwd=tmp_path, **settings)
    assert (ended.returncode, ended.stdout) == (2, "")
    url = store if "://" in store else tmp_path / store
    assert ended.stderr.startswith(f"shardwise: the store {url} {reason.format(store=url)}")
    assert len(ended.stderr.splitlines()) == 1


def test_every_command_has_help(tmp_path: Path) -> None:
    """Each command explains itself."""
    for command in ("run", "show", "runs", "generate", "clean"):
        assert shardwise(command, "--help", cwd=tmp_path).returncode == 0


def test_the_versions(tmp_path: Path) -> None:
    """One line for a report of a bug: ours, the engines', Python's."""
    done = shardwise("--version", cwd=tmp_path)
    assert re.fullmatch(r"shardwise 0\.\d+\.\d+ \(prefect 3\.\S+, render 1\.\S+, Python 3\.\S+\)\n", done.stdout)


def test_what_a_comparison_can_run_is_listed(tmp_path: Path) -> None:
    """Every column and every scenario with its title, in a hundred columns of text, and nothing is run."""
    listed = shardwise("compare", "--list", cwd=tmp_path)
    lines = listed.stdout.splitlines()
    assert listed.returncode == 0
    assert max(map(len, lines)) <= 100
    first = {line.split()[0] for line in lines if not line.startswith(" ")}
    assert first >= {*COLUMNS, *scenarios_for(shard_policy(), 10, ENGINES.values())}
    assert list(tmp_path.iterdir()) == []
