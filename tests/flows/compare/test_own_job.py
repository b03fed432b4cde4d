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


BILLS = """
import sqlite3
from contextlib import closing


class Bills:
    name, suffix = "bills", ".txt"

    def process_shard(self, context, shard_id, path):
        found = self.rows("select count(*) from orders where run = ? and shard = ?", context.run_id, shard_id)
        if found == [(0,)]:
            self.rows("insert into orders values (?, ?)", context.run_id, shard_id)
        path.write_text(str(shard_id))
        return {}

    def aggregate(self, context, shards):
        self.rows("insert into bills values (?)", context.run_id)
        return {"shards": len(shards)}

    def verify(self, context, result):
        query = "select shard from orders where run = ? group by shard having count(*) > 1"
        twice = [f"shard {shard} has two orders" for (shard,) in self.rows(query, context.run_id)]
        ((bills,),) = self.rows("select count(*) from bills where run = ?", context.run_id)
        return twice + [f"{bills} bills"] * (bills > 1)

    def rows(self, query, *values):
        with closing(sqlite3.connect("/DATABASE/bills.db", timeout=30)) as database, database:
            database.execute("create table if not exists orders (run, shard)")
            database.execute("create table if not exists bills (run)")
            return database.execute(query, values).fetchall()


pipeline = Bills()
"""


def test_what_looks_first_and_what_counts_twice_is_found(tmp_path: Path) -> None:
    """A second attempt between the look and the insert; an aggregation of a run that had finished."""
    (tmp_path / "bills.py").write_text(BILLS.replace("/DATABASE", str(tmp_path)))
    options = ["--pipeline", "bills:pipeline", "--engines", "local", "--wait-scale", "0.05", "--repeat", "1"]
    scenarios = ["--scenarios", "overlap_midway,run_again_after_end", "--shards", "8"]
    done = shardwise("compare", *options, *scenarios, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert {cell.scenario: cell.store.differences for cell in recorded(tmp_path).cells} == {
        "overlap_midway": ["verify: shard 2 has two orders"],
        "run_again_after_end": ["verify: 2 bills"],
    }
