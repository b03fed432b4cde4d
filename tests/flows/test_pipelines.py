"""Any pipeline runs on every engine: two of a team's own, and the customer merge, at several numbers of shards."""

from __future__ import annotations

import json
from hashlib import md5
from typing import TYPE_CHECKING, Any

import pytest

from flows.local import run_job
from flows.on_render.api import RenderApi
from flows.on_render.endpoint import Endpoint
from flows.on_render.follow import follow, task_of
from shared.isolation import pool
from shared.run.job import CUSTOMERS, Job
from shared.run.loading import load_pipeline
from shared.run.new_job import make_job
from shared.run.policy import shard_policy
from shared.run.run import Run
from tests.flows.merging import merging_server
from tests.flows.prefect_driving import driving
from tests.golden import GOLDEN_DIGEST
from tests.prefect_server import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.prefect_server import PrefectServer

    Start = Callable[[Job], dict[str, Any]]

pytestmark = pytest.mark.servers

CLICKS, INSERTS, WITHOUT_KEY = (
    "flows.commands.pipeline_template",
    "tests.pipelines.inserts:with_key",
    "tests.pipelines.inserts:without_key",
)
ALLOWED = {"SHARDWISE_PIPELINES": f"{CLICKS},{INSERTS},{WITHOUT_KEY}"}


def digest_of(records: dict[str, dict[str, int]]) -> str:
    """The digest of some records by the documented formula: a sum of md5s over key and fields as JSON."""
    texts = (json.dumps([key, fields], sort_keys=True) for key, fields in records.items())
    total = sum(int.from_bytes(md5(text.encode(), usedforsecurity=False).digest(), "little") for text in texts)
    return f"v1:{len(records)}:{total % 2**128:032x}"


ORDERS = {str(number): {"amount": 3 * number} for number in range(1, 501)}
DIGESTS = {
    CUSTOMERS: GOLDEN_DIGEST,
    CLICKS: digest_of({f"day-{day:02}": {"clicks": 50, "pages": 5} for day in range(20)}),
    INSERTS: digest_of(ORDERS),
    WITHOUT_KEY: digest_of(ORDERS),
}


@pytest.fixture(autouse=True, scope="module")
def _allowed() -> Iterator[None]:
    """This process and its workers may import all of them; warm workers keep the environment they started in."""
    pool.stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDWISE_PIPELINES", ALLOWED["SHARDWISE_PIPELINES"])
        yield
    pool.stop()


@pytest.fixture(scope="module", params=["local", "prefect", "prefect-isolated", "render"])
def start(
    request: pytest.FixtureRequest, prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """A function that runs a job on an engine until it ends."""
    if request.param == "local":
        yield lambda job: run_job(job, 2, shard_policy())
    elif request.param == "render":
        folder = tmp_path_factory.mktemp("render")
        with merging_server(folder, **ALLOWED, PYTHONPATH=str(ROOT)) as server, RenderApi(Endpoint(server.url)) as api:
            yield lambda job: follow(api, api.start(task_of(job.pipeline), [job.to_json()]), timeout=100)
    else:
        isolation = "process" if request.param == "prefect-isolated" else "none"
        with driving(prefect_server, SHARDWISE_ISOLATION=isolation, **ALLOWED) as driver:
            fields = ("pipeline", "data_url", "store_url", "num_shards", "run_id", "parameters")

            def run(job: Job) -> dict[str, Any]:
                ended = driver.run(**{name: getattr(job, name) for name in fields})
                assert ended.state == "Completed", ended.error
                return ended.result

            yield run


@pytest.mark.parametrize(
    ("pipeline", "num_shards"),
    [(CUSTOMERS, 1), (CUSTOMERS, 7), (CUSTOMERS, 100), (CLICKS, 1), (CLICKS, 7), (INSERTS, 7), (WITHOUT_KEY, 7)],
)
def test_a_pipeline_has_one_digest_on_every_engine(
    start: Start, pipeline: str, num_shards: int, tmp_path: Path
) -> None:
    """Whatever runs it, in however many shards: the same records, and nothing wrong outside of the store."""
    database = {"database": str(tmp_path / "orders")} if "inserts" in pipeline else {}
    job = make_job(
        run_id="r", pipeline=pipeline, store_url=str(tmp_path / "store"), num_shards=num_shards, parameters=database
    )
    result = start(job)
    assert result["digest"] == DIGESTS[pipeline]
    assert result["shards_processed"] == num_shards
    run = Run.of(job.opened(1))
    assert run.result() == result
    loaded = load_pipeline(pipeline)
    if loaded.verify:
        assert loaded.verify(run.context(0), result) == []
