"""What the Prefect UI shows of a run, read back through the API it shows it from."""

from __future__ import annotations

import json
import logging
import re
import shutil
from base64 import b64decode
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.local import run_job
from flows.on_prefect.ui import artifacts, timeline
from shared.drawing.timeline import rows_of
from shared.run.new_job import make_job
from shared.run.policy import shard_policy
from shared.run.settings import SAMPLE_DATA
from tests.flows.compare.attempts import attempt
from tests.flows.prefect_driving import Driver, Ended, driving
from tests.prefect_server import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.run.attempts import Attempt
    from tests.prefect_server import PrefectServer

pytestmark = pytest.mark.servers

PICTURE = "data:image/svg+xml;base64,"
SCREEN = 40  # lines
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store all runs of this module share."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def recovered(driver: Driver, store: Path) -> Ended:
    """A run whose shard 3 failed twice."""
    fault = {"kind": "exception", "step": "shard-003", "attempts": [1, 2]}
    return driver.run(store_url=str(store), num_shards=10, faults=[fault])


@pytest.fixture(scope="module")
def discreet(prefect_server: PrefectServer) -> Iterator[Driver]:
    """Runs flows that keep cell values out of messages."""
    with driving(prefect_server, SHARDWISE_REDACT="true") as running:
        yield running


@pytest.fixture(scope="module")
def failed(discreet: Driver, store: Path) -> Ended:
    """A run whose shard 5 failed on bad input."""
    fault = {"kind": "terminal", "step": "shard-005", "attempts": [1]}
    return discreet.run(store_url=str(store), num_shards=10, faults=[fault])


@pytest.fixture(scope="module")
def rejected(discreet: Driver, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A run of whose data two rows cannot be used, where none may be rejected."""
    data = tmp_path_factory.mktemp("rejected") / "data"
    shutil.copytree(SAMPLE_DATA, data)
    billing = data / "billing.csv"
    lines = billing.read_text(encoding="utf-8").splitlines(keepends=True)
    for line in (10, 20):
        lines[line] = re.sub(r"\d{4}-\d{2}-\d{2}", "secretcell", lines[line])
    billing.write_text("".join(lines), encoding="utf-8")
    return discreet.run(store_url=str(store), data_url=str(data))


def test_table_of_shards(prefect_server: PrefectServer, recovered: Ended) -> None:
    """The table has a row per shard; error and digest, which are long, stand behind what the pipeline tells of it."""
    rows = json.loads(prefect_server.artifacts(recovered.flow_run_id)["customers-shards"]["data"])
    timings = recovered.result["shard_timings"]
    assert list(rows[0])[:3] == ["shard", "state", "attempts"]
    assert list(rows[0])[-3:] == ["elapsed_ms", "last error", "digest"]
    assert [row["shard"] for row in rows] == [f"shard-{shard:03d}" for shard in range(10)]
    assert [row["elapsed_ms"] for row in rows] == [timing["elapsed_ms"] for timing in timings]
    assert [row["attempts"] for row in rows] == [1, 1, 1, 3, 1, 1, 1, 1, 1, 1]
    assert "planned fault" in rows[3]["last error"]
    assert all(row["digest"].split(":")[1] == str(timing["count"]) for row, timing in zip(rows, timings, strict=True))


def test_summary_of_a_finished_run(prefect_server: PrefectServer, recovered: Ended) -> None:
    """The summary has counts, digest and place, and carries the attempts as a picture."""
    summary = prefect_server.artifacts(recovered.flow_run_id)["customers-summary"]["data"]
    assert f"# {prefect_server.get(f'flow_runs/{recovered.flow_run_id}')['name']}: done" in summary
    assert recovered.result["run_id"] in summary
    assert "1,000 profiles from 4,000 records" in summary
    assert "| shards | 10, 2 retried |" in summary
    assert recovered.result["digest"] in summary
    assert re.search(r"\| churn risk \| !\[LOW \d+\.\d% +\d+, MEDIUM [^]]*\]\(data:image/svg", summary)
    titles = [title.text or "" for title in _picture(summary).iter(f"{SVG}title")]
    assert sum("failed" in title for title in titles) == 2
    assert len(titles) == 1 + 10 + 2 + 1  # staging, shards, retries, aggregation


def test_progress_and_output(prefect_server: PrefectServer, recovered: Ended) -> None:
    """When a run is done its progress is full and its output is named, as a path to copy rather than a dead link."""
    found = prefect_server.artifacts(recovered.flow_run_id)
    assert (found["customers-progress"]["type"], found["customers-progress"]["data"]) == ("progress", 100.0)
    assert found["customers-output"]["data"] == f"`{recovered.result['output']}`"


def test_graph_leads_through_all_steps(prefect_server: PrefectServer, recovered: Ended) -> None:
    """The UI's graph has arrows from the staging to each shard, and from each shard to the aggregation."""
    runs = {run["name"]: run for run in prefect_server.ended_task_runs(recovered.flow_run_id, 12)}
    ids = {run["id"]: name for name, run in runs.items()}
    before = {
        name: {ids[each["id"]] for each in run["task_inputs"].get("wait_for", [])} - {name}
        for name, run in runs.items()
    }
    assert before == {"stage": set()} | {name: {"stage"} for name in runs if "shard" in name} | {
        "aggregate": set(runs) - {"aggregate"}
    }


def test_progress_of_a_run_that_waits(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """While one shard waits for its next attempt the progress says how many are committed."""
    fault = {"kind": "exception", "step": "shard-000", "attempts": [1]}

    def shown() -> bool:
        found = prefect_server.post("artifacts/filter", {"artifacts": {"key": {"any_": ["customers-progress"]}}})
        mine = [artifact["data"] for artifact in found if artifact["description"] == "slow: committed shards"]
        return mine == [90.0]

    with driving(prefect_server, SHARDWISE_WAIT_SCALE="10") as slow:
        slow.start(store_url=str(tmp_path), num_shards=10, run_id="slow", faults=[fault])
        wait_until(shown, timeout=60, what="a progress of 9 in 10 shards")


def test_summary_of_a_failed_run(prefect_server: PrefectServer, failed: Ended) -> None:
    """A failed run shows the error as its log does, what is missing and what to do; no full progress, no output."""
    found = prefect_server.artifacts(failed.flow_run_id)
    rows = json.loads(found["customers-shards"]["data"])
    missing = [row for row in rows if row["state"] != "committed"]
    assert [(row["shard"], row["digest"]) for row in missing] == [("shard-005", None)]
    assert "9 of 10 shards are committed" in found["customers-summary"]["data"]
    assert "| shard-005 | 1 | TerminalError: planned fault" in found["customers-summary"]["data"]
    assert found["customers-progress"]["data"] == 90.0
    assert "customers-output" not in found


def test_rejects_of_a_run_that_was_not_staged(prefect_server: PrefectServer, rejected: Ended) -> None:
    """A run that fails while it is staged has its summary, and its rejects as a table without their values."""
    found = prefect_server.artifacts(rejected.flow_run_id)
    rejects = json.loads(found["customers-rejects"]["data"])
    assert rejected.state == "Failed"
    assert "2 of 4,000 rows cannot be used" in found["customers-summary"]["data"]
    assert [(row["source"], row["column"]) for row in rejects] == [("billing", "subscription_start")] * 2
    assert set(rejects[0]) >= {"source", "column", "reason"}
    assert "secretcell" not in json.dumps(found)
    assert sum(message.count("\n") for message in prefect_server.log(rejected.flow_run_id)) < SCREEN


def test_summary_of_a_run_that_could_not_be_opened(
    prefect_server: PrefectServer, driver: Driver, store: Path, tmp_path: Path
) -> None:
    """A run without data has a summary that says so, and nothing else."""
    ended = driver.run(store_url=str(store), data_url=str(tmp_path), run_id="no-data")
    found = prefect_server.artifacts(ended.flow_run_id)
    assert found.keys() - {None} == {"customers-summary"}
    assert "# no-data: failed" in found["customers-summary"]["data"]
    assert ended.error in found["customers-summary"]["data"]


def test_no_cell_value_is_shown(prefect_server: PrefectServer, recovered: Ended) -> None:
    """No customer reaches an artifact."""
    assert recovered.result["sample_profile"]["customer_id"]
    shown = json.dumps(prefect_server.artifacts(recovered.flow_run_id))
    assert [shown[at - 80 : at + 80] for value in ("cust_", "@customer.example") if (at := shown.find(value)) > 0] == []


def test_unreachable_api_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Artifacts that cannot be published warn and raise nothing."""
    monkeypatch.setattr(artifacts, "get_run_logger", logging.getLogger)  # a run's own wants a run
    job = make_job(store_url=str(tmp_path), num_shards=2)
    run_job(job, 1, shard_policy())
    nobody = f"http://127.0.0.1:{free_port()}/api"
    with temporary_settings({PREFECT_API_URL: nobody}):
        with artifacts.Progress(job, remaining=2) as progress:
            progress.advance()
        with artifacts.Summary(job.opened(1)):
            pass
    assert [record.levelname for record in caplog.records if "was not published" in record.message] == ["WARNING"] * 2


@pytest.mark.parametrize("shards", [1, 10, 50])
def test_picture_of_few_shards(shards: int) -> None:
    """Up to fifty steps have a row and a label each, and every attempt has its bar inside the picture."""
    svg = _drawn([_attempt(shard) for shard in range(shards)])
    assert len(_bars(svg)) == shards
    assert {f"shard-{shard:03d}" for shard in range(shards)} <= _texts(svg)
    assert float(svg.attrib["height"]) < 100 + 17 * shards


@pytest.mark.parametrize(("shards", "at_once"), [(100, 2), (1_000, 2), (1_000, 64)])
def test_picture_of_many_shards(shards: int, at_once: int) -> None:
    """Many shards share rows, those that failed have a row and a label; all of it is on one screen."""
    quick = [_attempt(shard, shard // at_once) for shard in range(shards)]
    failed = _attempt(shards - 1, (shards - 1) // at_once, outcome="failed")
    svg = _drawn([*quick[:-1], failed])
    assert len(_bars(svg)) == shards
    assert float(svg.attrib["height"]) < 400
    assert {f"{shards - 1:,} other shards", failed.step, "failed"} <= _texts(svg)
    right = max(float(bar.attrib["x"]) + float(bar.attrib["width"]) for bar in _bars(svg))
    assert right <= timeline.WIDTH


def test_a_storm_of_failures_is_on_one_screen() -> None:
    """Where everything fails twice, twenty shards have rows of their own, and the others share some."""
    twice = [_attempt(shard, 2 * shard, number, outcome="failed") for shard in range(200) for number in (1, 2)]
    svg = _drawn(twice)
    assert len(_bars(svg)) == len(twice)
    assert float(svg.attrib["height"]) < 1_000


def test_nothing_to_draw() -> None:
    """Without attempts there is no picture."""
    assert timeline.picture([], "") == ""


def _drawn(attempts: list[Attempt]) -> ET.Element:
    return ET.fromstring(timeline.picture(rows_of(attempts, limits=timeline.LIMITS), "attempts"))  # noqa: S314 — our own drawing


def _attempt(shard: int, second: int | None = None, number: int = 1, outcome: str = "committed") -> Attempt:
    """An attempt that lasts a second; the next shard begins when this one ends, unless told."""
    begun = (shard if second is None else second) + number - 1
    return attempt(f"shard-{shard:03d}", number, begun, begun + 1, outcome=outcome)


def _bars(svg: ET.Element) -> list[ET.Element]:
    return [bar for bar in svg.iter(f"{SVG}rect") if len(bar)]


def _texts(svg: ET.Element) -> set[str]:
    return {text.text or "" for text in svg.iter(f"{SVG}text")}


def _picture(markdown: str) -> ET.Element:
    encoded = markdown.rsplit(PICTURE, maxsplit=1)[-1].split(")", maxsplit=1)[0]
    return ET.fromstring(b64decode(encoded))  # noqa: S314 — our own drawing
