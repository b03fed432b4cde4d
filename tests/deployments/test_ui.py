"""What a person sees in Prefect's UI, in headless Chromium."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flows.on_prefect import timeline
from tests.deployments.browser import Browser, running_browser
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.prefect_server import PrefectServer

PNG = b"\x89PNG\r\n\x1a\n"
EMPTY_PAGE = 30_000  # bytes: a page of one colour compresses to less


@pytest.fixture(scope="module")
def flow_run(served: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A deployed run whose shard 3 failed once: its id."""
    faults = json.dumps([{"kind": "exception", "shard": 3, "attempts": [1]}])
    given = [f"--param=store_url={tmp_path_factory.mktemp('store')}", "--param=run_id=seen", f"--param=faults={faults}"]
    done = served.prefect("deployment", "run", "merge-customer-data/sample", *given, "--watch")
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = served.post("flow_runs/filter", {"flow_runs": {"name": {"any_": ["seen"]}}})
    flow_run_id: str = run["id"]
    served.ended_task_runs(flow_run_id, 12)
    wait_until(lambda: "step=shard-009" in " ".join(served.log(flow_run_id)), timeout=30, what="the log")
    return flow_run_id


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium."""
    with running_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def test_run_page_shows_the_second_attempt(
    served: PrefectServer, flow_run: str, browser: Browser, tmp_path: Path
) -> None:
    """The page of a run has its name, its tags, and in its log the second attempt of shard 3."""
    browser.open(f"{served.url}/runs/flow-run/{flow_run}")
    browser.wait_for("seen", "Completed", "12 Task runs", "merge-customer-data", "sample", "shardwise")
    browser.wait_for(
        "event=attempt_failed run_id=seen step=shard-003 attempt=1",
        "event=attempt_done run_id=seen step=shard-003 attempt=2",
    )
    _check_picture(browser, tmp_path / "run.png")


def test_summary_page_shows_the_timeline(
    served: PrefectServer, flow_run: str, browser: Browser, tmp_path: Path
) -> None:
    """The page of the summary has the counts as a table and the attempts as a picture that is drawn."""
    browser.open(_artifact_page(served, flow_run, "customers-summary"))
    browser.wait_for("seen: done", "1,000 from 4,000 records", "10, retries: 1")
    wait_until(lambda: [timeline.WIDTH, 248] in browser.image_sizes(), timeout=30, what="the timeline")
    _check_picture(browser, tmp_path / "summary.png")


def test_table_page_shows_the_shards(served: PrefectServer, flow_run: str, browser: Browser, tmp_path: Path) -> None:
    """The page of the shards has a row for each."""
    browser.open(_artifact_page(served, flow_run, "customers-shards"))
    browser.wait_for("committed", *(f"shard-{shard:03d}" for shard in range(10)))
    _check_picture(browser, tmp_path / "shards.png")


def _artifact_page(server: PrefectServer, flow_run: str, key: str) -> str:
    return f"{server.url}/artifacts/artifact/{server.artifacts(flow_run)[key]['id']}"


def _check_picture(browser: Browser, path: Path) -> None:
    browser.screenshot(path)
    assert path.read_bytes().startswith(PNG)
    assert path.stat().st_size > EMPTY_PAGE
