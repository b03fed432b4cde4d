"""A pipeline that is not the project's is compared like any other, from a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.compare.record.comparison import PipelineName
from tests.command import shardwise
from tests.flows.compare.made import recorded

if TYPE_CHECKING:
    from pathlib import Path

INSERTS = '''
import sqlite3


class Inserts:
    """Each shard inserts a row: once, or once more whenever it is tried again."""

    name, version, suffix = "inserts", 1, ".txt"

    def process_shard(self, context, shard_id, path):
        path.write_text(str(shard_id))
        with sqlite3.connect("/DATABASE/rows.db", timeout=30) as rows:
            rows.execute("create table if not exists done (run text, shard integer)")
            rows.execute("insert into done values (?, ?)", (context.run_id, shard_id))
        return {"rows": 1}

    def aggregate(self, context, shards):
        return {"rows": sum(facts["rows"] for facts in shards)}

    def verify(self, context, result):
        with sqlite3.connect("/DATABASE/rows.db") as rows:
            query = "select shard from done where run = ? group by shard having count(*) > 1"
            return [f"shard {shard} has two rows" for (shard,) in rows.execute(query, (context.run_id,))]


pipeline = Inserts()
'''


def test_a_job_that_is_not_safe_to_retry_is_silently_wrong(tmp_path: Path) -> None:
    """A kill between its insert and its commit leaves a row twice; without faults it is unaffected."""
    (tmp_path / "inserts.py").write_text(INSERTS.replace("/DATABASE", str(tmp_path)))
    options = ["--pipeline", "inserts:pipeline", "--engines", "local", "--wait-scale", "0.05", "--repeat", "1"]
    scenarios = ["--scenarios", "nothing_breaks,torn_write_once,source_vanishes,at_scale"]
    done = shardwise("compare", *options, *scenarios, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stderr
    made = recorded(tmp_path)
    assert made.pipeline == PipelineName(name="inserts", version=1, reference="inserts:pipeline", verifies=True)
    assert {cell.scenario: (cell.judgement.verdict, cell.store.differences) for cell in made.cells} == {
        "nothing_breaks": ("unaffected", []),
        "torn_write_once": ("silently wrong", ["verify: shard 2 has two rows"]),
    }
    assert all("--pipeline inserts:pipeline" in cell.command for cell in made.cells)
