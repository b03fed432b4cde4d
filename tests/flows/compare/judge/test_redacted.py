"""``--redact``: what a pipeline, its data or its processes wrote is gone; what verdicts follow from is not."""

from __future__ import annotations

from flows.compare.judge.recorded import read_recorded
from flows.compare.judge.redacted import redacted, redacted_again
from flows.compare.record.observed import Published
from flows.compare.report.readme import MEASURED
from tests.flows.compare.attempts import attempt
from tests.flows.compare.made import DID, cell, start

WRITTEN = "mary of the hill"


def test_nothing_that_a_run_wrote_is_left() -> None:
    """Errors, problems, values and keys of records, the log, a parameter; what went wrong and where is still told."""
    store = Published(
        finished=True,
        digest=None,
        committed=1,
        first_difference=f"shard-001 differs: email of {WRITTEN}",
        result=(f"total is {WRITTEN}, expected 7",),
        problems=(WRITTEN, WRITTEN),
        unverified=f"verify raised ValueError: {WRITTEN}",
    )
    wrote = cell("raise_twice", "local").model_copy(
        update={
            "starts": (start(1.0, error=f"ValueError: {WRITTEN}\n{WRITTEN}"),),
            "attempts": (*DID, attempt("shard-001", 1, 1, 2, outcome="failed", error=f"KeyError: '{WRITTEN}'")),
            "store": store,
            "log": WRITTEN,
            "failure": WRITTEN,
            "command": f"shardwise compare --param 'name={WRITTEN}' --shards 8",
        }
    )
    seen = redacted(wrote)
    assert WRITTEN not in seen.model_dump_json()
    assert (seen.starts[0].error, seen.attempts[-1].error) == ("ValueError: (hidden)", "KeyError: (hidden)")
    assert seen.command == "shardwise compare --param 'name=(hidden)' --shards 8"
    assert seen.store.differences == [
        "shard-001 differs: email of a record",
        "result: total differs",
        "verify: (hidden)",
        "verify: (hidden)",
    ]
    assert seen.store.unverified == "verify raised ValueError: (hidden)"


def test_verdicts_follow_from_what_is_left() -> None:
    """Of the whole committed record: each is the same, and so is what was tested."""
    whole = read_recorded(MEASURED, "--with")
    hidden = redacted_again(whole)
    assert [each.judgement for each in hidden.cells] == [each.judgement for each in whole.cells]
    assert {each.log for each in hidden.cells} <= {"", "(hidden)"}
