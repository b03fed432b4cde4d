"""What a person sees in Prefect's UI, in headless Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.on_prefect.ui import timeline
from tests.deployments.browser import WIDTH, Browser, running_browser
from tests.golden import GOLDEN_DIGEST
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.prefect_server import PrefectServer

pytestmark = pytest.mark.servers

SAMPLE = "merge-customer-data/customers-sample"
PNG = b"\x89PNG\r\n\x1a\n"
EMPTY_PAGE = 30_000  # bytes: a page of one colour compresses to less


@pytest.fixture(scope="module")
def flow_run(served: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A deployed run whose shard 3 failed once: its id."""
    flow_run_id = _run(served, tmp_path_factory.mktemp("store"), "seen", "exception", "COMPLETED")
    served.ended_task_runs(flow_run_id, 12)
    wait_until(lambda: "step=aggregate" in " ".join(served.log(flow_run_id)), timeout=30, what="the log")
    return flow_run_id


@pytest.fixture(scope="module")
def failed(served: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A deployed run whose shard 3 failed on bad input: its id."""
    return _run(served, tmp_path_factory.mktemp("store"), "unlucky", "terminal", "FAILED")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with running_browser() as browser:
        yield browser


def test_run_page_shows_the_second_attempt(
    served: PrefectServer, flow_run: str, browser: Browser, tmp_path: Path
) -> None:
    """The page of a run has its name, its tags, and in its log the second attempt of shard 3."""
    browser.open(f"{served.url}/runs/flow-run/{flow_run}")
    browser.wait_for("seen", "Completed", "12 Task runs", "merge-customer-data", "customers-sample", "shardwise")
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
    browser.wait_for("seen: done", "1,000 profiles from 4,000 records", "10, 1 retried")
    wait_until(lambda: timeline.WIDTH in [width for width, _ in browser.image_sizes()], timeout=30, what="the timeline")
    _check_picture(browser, tmp_path / "summary.png")


def test_table_page_shows_the_shards(served: PrefectServer, failed: str, browser: Browser, tmp_path: Path) -> None:
    """The page of the shards has a row for each, and shows customers and rejects without scrolling."""
    browser.open(_artifact_page(served, failed, "customers-shards"))
    browser.wait_for("not committed", "last error", "digest", *(f"shard-{shard:03d}" for shard in range(10)))
    assert browser.right_edge("customers_with_rejects") < WIDTH
    _check_picture(browser, tmp_path / "shards.png")


def test_pages_of_a_failed_run(served: PrefectServer, failed: str, browser: Browser, tmp_path: Path) -> None:
    """The summary of a failed run has the error; its progress is not full."""
    browser.open(_artifact_page(served, failed, "customers-summary"))
    browser.wait_for("unlucky: failed", "planned fault", "9 of 10 shards are committed")
    _check_picture(browser, tmp_path / "failed.png")
    browser.open(_artifact_page(served, failed, "customers-progress"))
    browser.wait_for("90%")
    _check_picture(browser, tmp_path / "progress.png")


def test_form_has_no_faults(served: PrefectServer, browser: Browser, tmp_path: Path) -> None:
    """The form for a run has the fields that people need, and no plan of faults."""
    deployment = served.get("deployments/name/merge-customer-data/customers-sample")["id"]
    browser.open(f"{served.url}/deployments/deployment/{deployment}/run")
    browser.wait_for("data_url", "run_id", "max_rejects")
    assert "faults" not in browser.evaluate("document.body.innerText")
    _check_picture(browser, tmp_path / "form.png")


def test_verdict_page_of_the_parity_check(served: PrefectServer, browser: Browser, tmp_path: Path) -> None:
    """``prefect deployment run parity-check/parity-sample --watch`` ends well; the page of its verdict says Equal."""
    served.succeed("deployment", "run", "parity-check/parity-sample", f"--param=store_url={tmp_path}", "--watch")
    flow_run = served.get("artifacts/parity-verdict/latest")["flow_run_id"]
    browser.open(_artifact_page(served, flow_run, "parity-verdict"))
    browser.wait_for("Equal", "Prefect", "Render (local stand-in)", "waits before retries", GOLDEN_DIGEST)
    _check_picture(browser, tmp_path / "verdict.png")


def _run(server: PrefectServer, store: Path, run_id: str, fault: str, state: str) -> str:
    """Run the sample with a fault of shard 3, which only the API takes; return the flow run's id when it has ended."""
    faults = [{"kind": fault, "step": "shard-003", "attempts": [1]}]
    flow_run_id = server.start(SAMPLE, store_url=str(store), run_id=run_id, num_shards=10, faults=faults)
    server.wait_for_state(flow_run_id, state)
    return flow_run_id


def _artifact_page(server: PrefectServer, flow_run: str, key: str) -> str:
    return f"{server.url}/artifacts/artifact/{server.artifacts(flow_run)[key]['id']}"


def _check_picture(browser: Browser, path: Path) -> None:
    browser.screenshot(path)
    assert path.read_bytes().startswith(PNG)
    assert path.stat().st_size > EMPTY_PAGE
