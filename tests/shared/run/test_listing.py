"""The runs of a store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.run import steps
from shared.run.ending import recorded
from shared.run.listing import list_runs
from shared.run.store import open_store, read_json
from tests.data import row, write_sources
from tests.shared.runs import merge, opened, staged

if TYPE_CHECKING:
    from pathlib import Path


def test_runs_are_listed_by_their_latest_start(tmp_path: Path) -> None:
    """What each runs, how far it is and when it was started; a resumed one comes last."""
    data, store = write_sources(tmp_path / "data", crm=[row("a")]), tmp_path / "store"
    steps.process_shard(staged(data, store, run_id="half"), 1)
    merge(data, store, run_id="done")
    opened(data, store, run_id="half")
    (store / "runs" / "no run").mkdir()
    done, half = list_runs(open_store(str(store)))
    assert (done.run_id, done.pipeline, done.state, done.committed, done.shards) == (
        "done",
        "customers",
        "finished",
        3,
        3,
    )
    assert (half.run_id, half.state, half.committed, half.starts) == ("half", "unfinished", 1, 2)
    first = read_json(open_store(str(store)), "runs/half/invocations/1.json")
    assert half.started_at == first["claimed_at"] < done.started_at < half.last_started_at


def test_a_store_without_runs(tmp_path: Path) -> None:
    """Nothing there is no error."""
    assert list_runs(open_store(str(tmp_path / "nothing"))) == []


def test_how_the_latest_start_ended(tmp_path: Path) -> None:
    """Failed, stopped or finished as its block ended; a store that does not take it changes nothing."""
    data, store = write_sources(tmp_path / "data", crm=[row("a")]), tmp_path / "store"
    for error, state in ((ValueError, "failed"), (KeyboardInterrupt, "stopped")):
        with pytest.raises(error), recorded(opened(data, store, run_id="mine")):
            raise error
        (run,) = list_runs(open_store(str(store)))
        assert (run.state, run.engine) == (state, "local")
        assert run.seconds is not None
    job = opened(data, store, run_id="mine")
    (run,) = list_runs(open_store(str(store)))
    assert (run.state, run.seconds, run.starts) == ("unfinished", None, 3)
    with recorded(replace(job, store_url="gopher://nowhere")):
        pass
