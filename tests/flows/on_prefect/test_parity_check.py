"""The parity check on a real Prefect server and our Render server: equal on the same data, red on other data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from shared.run.settings import SAMPLE_DATA
from tests.golden import GOLDEN_DIGEST
from tests.prefect_server import ROOT, PrefectServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers

OWN = ("progress", "summary", "shards", "output")
INSERTS, PRINTS = "tests.pipelines.inserts:with_key", "tests.pipelines.prints"
CHECK = (
    "import json, sys; from flows.on_prefect.parity_check import parity_check; parity_check(**json.loads(sys.argv[1]))"
)


def check(server: PrefectServer, *, redact: bool = False, **parameters: Any) -> subprocess.CompletedProcess[str]:
    """Run the flow in its own process until it ends."""
    return subprocess.run(
        [sys.executable, "-c", CHECK, json.dumps(parameters)],
        cwd=ROOT,
        env=server.environment(SHARDWISE_REDACT=str(redact), SHARDWISE_PIPELINES=f"{INSERTS},{PRINTS}"),
        capture_output=True,
        text=True,
        check=False,
    )


def verdict(server: PrefectServer) -> str:
    """The text of the newest verdict."""
    latest = server.get("artifacts/parity-verdict/latest")
    text: str = latest["data"]
    return text


def _check(server: PrefectServer) -> str:
    """The flow run of the newest verdict."""
    flow_run: str = server.get("artifacts/parity-verdict/latest")["flow_run_id"]
    return flow_run


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with one cell changed: the plan of customer 500."""
    folder = tmp_path_factory.mktemp("changed") / "data"
    shutil.copytree(SAMPLE_DATA, folder)
    billing = folder / "billing.csv"
    lines = billing.read_text(encoding="utf-8").splitlines(keepends=True)
    assert lines[500].startswith("cust_00000500,billing500@customer.example,Starter,")
    lines[500] = lines[500].replace("Starter", "Legacy")
    billing.write_text("".join(lines), encoding="utf-8")
    return folder


def test_the_engines_agree_on_the_sample(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Both sides have the golden digest, the flow completes, and the verdict and a row per shard are published."""
    done = check(prefect_server, store_url=str(tmp_path))
    assert done.returncode == 0, done.stderr
    shown = verdict(prefect_server)
    assert shown.startswith("# Equal")
    assert shown.count(GOLDEN_DIGEST) == 2
    rows = json.loads(prefect_server.get("artifacts/parity-shards/latest")["data"])
    assert [row["equal"] for row in rows] == ["yes"] * 10
    assert all(row["prefect digest"] == row["render digest"] for row in rows)
    assert "| | Prefect | Render (local stand-in) |\n|---|---|---|\n| attempts | 12 | 12 |" in shown
    assert "![the timelines of both on one axis](data:image/svg+xml" in shown
    (subrun,) = prefect_server.post(
        "flow_runs/filter", {"flow_runs": {"parent_flow_run_id": {"any_": [_check(prefect_server)]}}}
    )
    assert prefect_server.artifacts(subrun["id"]).keys() - {None} == {f"parity-customers-{name}" for name in OWN}


def test_a_pipeline_of_a_team(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Any pipeline that the worker allows is checked, with its own parameters; one that is not allowed is refused."""
    orders = {"database": str(tmp_path / "orders.sqlite")}
    done = check(prefect_server, pipeline=INSERTS, store_url=str(tmp_path), num_shards=2, parameters=orders)
    assert done.returncode == 0, done.stderr
    assert verdict(prefect_server).startswith("# Equal")
    assert "| shards_processed | 2 | 2 |" in verdict(prefect_server)

    problem = {"problem": "order 7 is there twice"}
    found = check(prefect_server, pipeline=PRINTS, store_url=str(tmp_path), num_shards=1, parameters=problem)
    assert found.returncode == 1
    assert "prefect: verify of the pipeline prints finds problems:\n  order 7 is there twice\n" in found.stderr
    said = (
        "## What `verify` finds\n\n* prefect: order 7 is there twice\n* render: order 7 is there twice\n\n## What the"
    )
    assert said in verdict(prefect_server)

    refused = check(prefect_server, pipeline="os:path", store_url=str(tmp_path))
    assert refused.returncode == 1
    assert "'os:path' is not one that this worker may import" in refused.stderr


def test_other_data_on_one_side_is_red(prefect_server: PrefectServer, changed: Path, tmp_path: Path) -> None:
    """The flow fails, and error and verdict name the customer, the fields and both values."""
    done = check(prefect_server, store_url=str(tmp_path), render_data_url=str(changed))
    assert done.returncode == 1
    for told in (done.stderr, verdict(prefect_server)):
        assert "cust_00000500, plan: 'Starter' on Prefect, 'Legacy' on Render" in told
        assert "cust_00000500, expansion_potential: 'MEDIUM' on Prefect, 'LOW' on Render" in told
    assert verdict(prefect_server).startswith("# Different in 1 shards")


def test_a_redacted_check_shows_no_values(prefect_server: PrefectServer, changed: Path, tmp_path: Path) -> None:
    """With redaction the verdict names customer and field, and neither value."""
    done = check(prefect_server, redact=True, store_url=str(tmp_path), render_data_url=str(changed))
    assert done.returncode == 1
    assert "cust_00000500, plan" in verdict(prefect_server)
    for told in (done.stderr, verdict(prefect_server)):
        assert "Legacy" not in told
