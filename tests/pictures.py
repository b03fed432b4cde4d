"""Takes the pictures of the documents, all of real runs: ``make pictures``."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from base64 import b64decode
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flows.compare.record.comparison import Comparison
from flows.compare.report.page.document import render_page
from flows.compare.report.readme import MEASURED, ROOT
from tests.command import SHARDWISE, environment
from tests.deployments.browser import running_browser
from tests.deployments.conftest import serving

if TYPE_CHECKING:
    from tests.deployments.browser import Browser

PICTURES = ROOT / "pictures"
WIDTH, HEIGHT, QUALITY = 1280, 900, 70  # pixels of a window, percent of WebP
SAMPLE = "merge-customer-data/customers-sample"
FAULTS = [{"kind": "exception", "step": "shard-003", "attempts": [1]}]
JOB = '''"""Orders into SQLite."""
import sqlite3


class Orders:
    name = "orders"
    version = 1

    def process_shard(self, context, shard_id, path):
        orders = sqlite3.connect("orders.db", isolation_level=None)
        orders.execute("insert into orders values (7, 3)")
        orders.close()
        path.write_text("7")
        return {}

    def aggregate(self, context, shards):
        return {"orders": len(shards)}


nightly = Orders()
'''


def main() -> None:
    """Take all pictures, or those whose names are given."""
    wanted = set(sys.argv[1:]) or set(PICTURE)
    PICTURES.mkdir(exist_ok=True)
    with running_browser() as browser, TemporaryDirectory(prefix="pictures-") as folder:
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
        for name, take in PICTURE.items():
            if name in wanted:
                take(browser, Path(folder))


def report(browser: Browser, folder: Path) -> None:
    """The first screen of the committed comparison."""
    page = folder / "report.html"
    page.write_text(render_page(Comparison.model_validate_json(MEASURED.read_bytes())), encoding="utf-8")
    browser.open(page.as_uri())
    browser.wait_for("The scenarios and their evidence")
    _take(browser, "report")


def check(browser: Browser, folder: Path) -> None:
    """The page of a check whose job inserts a row without a key."""
    (folder / "orders.py").write_text(JOB, encoding="utf-8")
    with closing(sqlite3.connect(folder / "orders.db")) as database, database:
        database.execute("create table orders (number int, amount int)")
    command = [SHARDWISE, "check", "orders.py:nightly", "--watch", "orders.db", "--out", "checked"]
    done = subprocess.run(command, cwd=folder, env=environment(SHARDWISE_NUM_SHARDS="1"), check=False)
    assert done.returncode == 1, "the check should find the insert"
    browser.open((folder / "checked" / "check.html").as_uri())
    browser.wait_for("orders.execute")
    _take(browser, "check")


def run(browser: Browser, folder: Path) -> None:
    """The page of a deployed run whose shard 3 failed once, and the summary that it wrote."""
    home = folder / "served"
    home.mkdir()
    with serving(home) as (server, _):
        given = {"store_url": str(folder / "store"), "run_id": "nightly", "num_shards": 10, "faults": FAULTS}
        flow_run = server.start(SAMPLE, **given)
        server.wait_for_state(flow_run, "COMPLETED", timeout=300)
        browser.open(f"{server.url}/runs/flow-run/{flow_run}")
        browser.wait_for("nightly", "Completed", "12 Task runs", "step=shard-003 attempt=2")
        _take(browser, "run")
        browser.open(f"{server.url}/artifacts/artifact/{server.artifacts(flow_run)['customers-summary']['id']}")
        browser.wait_for("nightly: done")
        _take(browser, "summary")


def _take(browser: Browser, name: str) -> None:
    """What the window shows, once what it draws late has had a moment."""
    browser.call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False)
    time.sleep(2)
    taken = browser.call("Page.captureScreenshot", format="webp", quality=QUALITY)["data"]
    (PICTURES / f"{name}.webp").write_bytes(b64decode(taken))


PICTURE = {"report": report, "check": check, "run": run}

if __name__ == "__main__":
    main()
