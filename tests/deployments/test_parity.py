"""The parity check as it is deployed: run by a worker, seen in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.deployments.browser import Browser, running_browser
from tests.golden import GOLDEN_DIGEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.prefect_server import PrefectServer


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with running_browser() as browser:
        yield browser


def test_the_deployed_check_is_green_and_its_verdict_is_seen(
    served: PrefectServer, browser: Browser, tmp_path: Path
) -> None:
    """``prefect deployment run parity-check/sample --watch`` ends well; the verdict is Equal."""
    done = served.prefect("deployment", "run", "parity-check/sample", f"--param=store_url={tmp_path}", "--watch")
    assert done.returncode == 0, done.stdout + done.stderr
    flow_run = served.get("artifacts/parity-verdict/latest")["flow_run_id"]
    verdict = served.artifacts(flow_run)["parity-verdict"]
    browser.open(f"{served.url}/artifacts/artifact/{verdict['id']}")
    browser.wait_for("Equal", "Prefect", "Render", GOLDEN_DIGEST)
    browser.screenshot(tmp_path / "verdict.png")
