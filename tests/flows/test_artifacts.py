"""What the Prefect UI shows of a run, read back through the API it shows it from."""

from __future__ import annotations

import json
import logging
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.local import run_local
from flows.on_prefect import artifacts, timeline
from shared.run.job import make_job
from tests.flows.prefect_driving import Driver, Ended, driving
from tests.prefect_server import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prefect_server import PrefectServer

PICTURE = "data:image/svg+xml;base64,"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store all runs of this module share."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def healed(driver: Driver, store: Path) -> Ended:
    """A run whose shard 3 failed twice."""
    fault = {"kind": "exception", "shard": 3, "attempts": [1, 2]}
    return driver.run(store_url=str(store), num_shards=10, faults=[fault])


@pytest.fixture(scope="module")
def failed(prefect_server: PrefectServer, store: Path) -> Ended:
    """A run whose shard 5 failed after all retries, where messages may not show cell values."""
    fault = {"kind": "terminal", "shard": 5, "attempts": [1]}
    with driving(prefect_server, SHARDWISE_REDACT="true") as discreet:
        return discreet.run(store_url=str(store), num_shards=10, faults=[fault])


def test_table_of_shards(prefect_server: PrefectServer, healed: Ended) -> None:
    """The table has a row per shard: customers, rows per source, attempts, elapsed time, digest."""
    rows = json.loads(prefect_server.artifacts(healed.flow_run_id)["merge-shards"]["data"])
    timings = healed.result["shard_timings"]
    assert [row["shard"] for row in rows] == [f"shard-{shard:03d}" for shard in range(10)]
    assert [row["customers"] for row in rows] == [timing["count"] for timing in timings]
    assert [row["elapsed_ms"] for row in rows] == [timing["elapsed_ms"] for timing in timings]
    assert [row["attempts"] for row in rows] == [1, 1, 1, 3, 1, 1, 1, 1, 1, 1]
    assert sum(row[source] for row in rows for source in ("crm", "billing", "product", "support")) == 4_000
    assert all(row["digest"].startswith(f"v2:{row['customers']}:") for row in rows)


def test_summary_of_a_finished_run(prefect_server: PrefectServer, healed: Ended) -> None:
    """The summary tells counts, digest and place, and carries the attempts as a picture."""
    summary = prefect_server.artifacts(healed.flow_run_id)["merge-summary"]["data"]
    assert f"# {healed.result['run_id']}: done" in summary
    assert "| profiles | 1,000 from 4,000 records |" in summary
    assert "| shards | 10, retries: 2 |" in summary
    assert healed.result["digest"] in summary
    titles = [title.text or "" for title in _picture(summary).iter(f"{SVG}title")]
    assert sum("failed" in title for title in titles) == 2
    assert len(titles) == 1 + 10 + 2  # staging, shards, retries


def test_progress_and_output(prefect_server: PrefectServer, healed: Ended) -> None:
    """When a run is done its progress is full and a link names its profiles."""
    found = prefect_server.artifacts(healed.flow_run_id)
    assert (found["merge-progress"]["type"], found["merge-progress"]["data"]) == ("progress", 100.0)
    assert healed.result["output"] in found["merge-output"]["data"]


def test_progress_while_it_goes(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """While one shard waits for its next attempt the progress says how many have ended."""
    fault = {"kind": "exception", "shard": 0, "attempts": [1]}

    def shown() -> bool:
        found = prefect_server.post("artifacts/filter", {"artifacts": {"key": {"any_": ["merge-progress"]}}})
        mine = [artifact["data"] for artifact in found if artifact["description"] == "Shards of run slow"]
        return mine == [90.0]

    with driving(prefect_server, SHARDWISE_WAIT_SCALE="10") as slow:
        slow.start(store_url=str(tmp_path), num_shards=10, run_id="slow", faults=[fault])
        wait_until(shown, timeout=60, what="a progress of 9 in 10 shards")


def test_summary_of_a_failed_run(prefect_server: PrefectServer, failed: Ended) -> None:
    """A failed run shows which shards are missing and how to go on; its output is not linked."""
    found = prefect_server.artifacts(failed.flow_run_id)
    rows = json.loads(found["merge-shards"]["data"])
    missing = [row for row in rows if row["state"] != "committed"]
    assert [(row["shard"], row["customers"]) for row in missing] == [("shard-005", None)]
    assert "9 of 10 shards are committed" in found["merge-summary"]["data"]
    assert "| shard-005 | 1 | TerminalError |" in found["merge-summary"]["data"]
    assert "merge-output" not in found


def test_no_cell_value_is_shown(prefect_server: PrefectServer, healed: Ended, failed: Ended) -> None:
    """No customer and no message of a redacted run reaches an artifact."""
    shown = [json.dumps(prefect_server.artifacts(ended.flow_run_id)) for ended in (healed, failed)]
    assert healed.result["sample_profile"]["customer_id"]
    assert not any(value in text for text in shown for value in ("cust_", "@customer.example"))
    assert "planned fault" not in shown[1]


def test_unreachable_api_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Artifacts that cannot be published warn and raise nothing."""
    monkeypatch.setattr(artifacts, "get_run_logger", logging.getLogger)  # a run's own wants a run
    job = make_job(store_url=str(tmp_path), num_shards=2)
    run_local(job.to_json(), 1)
    nobody = f"http://127.0.0.1:{free_port()}/api"
    with temporary_settings({PREFECT_API_URL: nobody}):
        with artifacts.Progress(job.to_json(), remaining=2) as progress:
            progress.advance()
        artifacts.publish(job.opened(1).to_json())
    assert [record.levelname for record in caplog.records if "was not published" in record.message] == ["WARNING"] * 2


@pytest.mark.parametrize(("shards", "height"), [(1, 68), (10, 230), (100, 530), (1_000, 3_050)])
def test_picture_stays_readable(shards: int, height: int) -> None:
    """Rows shrink with the number of shards, and every attempt has its bar inside the picture."""
    svg = ET.fromstring(timeline.draw([_entry(shard) for shard in range(shards)]))  # noqa: S314 — our own drawing
    bars = [bar for bar in svg.iter(f"{SVG}rect") if len(bar)]
    assert (len(bars), float(svg.attrib["height"])) == (shards, height)
    assert all(float(bar.attrib["x"]) + float(bar.attrib["width"]) <= timeline.WIDTH for bar in bars)


def test_nothing_to_draw() -> None:
    """Without attempts there is no picture."""
    assert timeline.draw([]) == ""


def test_attempt_without_an_end() -> None:
    """A claim without an end lasts to the latest moment of the picture and says so."""
    entry = _entry(0) | {"end": None}
    last = timeline.bars([entry, _entry(1)])[0]
    assert (last.outcome, last.start, last.end) == ("no end recorded", 0.0, 2.0)


def _entry(shard: int) -> dict[str, Any]:
    """An attempt of a ledger that starts a second after the one before and lasts as long."""
    moments = [f"2026-01-01T{m // 3600:02d}:{m // 60 % 60:02d}:{m % 60:02d}+00:00" for m in (shard, shard + 1)]
    end = {"outcome": "committed", "ended_at": moments[1]}
    return {"step": f"shard-{shard:03d}", "attempt": 1, "claimed_at": moments[0], "end": end}


def _picture(markdown: str) -> ET.Element:
    encoded = markdown.split(PICTURE)[1].split(")", maxsplit=1)[0]
    return ET.fromstring(b64decode(encoded))  # noqa: S314 — our own drawing
