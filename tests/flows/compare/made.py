"""Cells, columns and whole comparisons, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.compare.observe.described import described_product
from flows.compare.record.comparison import Column, Comparison, PipelineName, Reference, Scenario
from flows.compare.record.observed import Cell, Judgement, Published, Start, Wait
from flows.engine.observed_on import ObservedOn
from flows.engine.scenario import Expected
from flows.engine.verdicts import Absent, Verdict
from flows.registry import ENGINES
from tests.flows.compare.attempts import POLICY, START, attempt

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from shared.run.attempts import Attempt

MACHINE = "Linux x86_64, 2 cores"
ON = ObservedOn("a server", "1.0", START.isoformat(), MACHINE)
PRODUCTS = {engine.name: described_product(engine) for engine in ENGINES.values() if engine.orchestrator}
DID = (attempt("stage", 1, 0, 1), attempt("shard-000", 1, 1, 3))


def cell(scenario: str, column: str, verdict: Verdict | Absent = Verdict.UNAFFECTED, **judged: Any) -> Cell:
    """A cell of two attempts that is as expected.

    Args:
        scenario: Of it.
        column: Of it.
        verdict: On it.
        judged: Other fields of its judgement.
    """
    judgement = Judgement(
        verdict=verdict,
        tested=True,
        expected=Expected(Verdict.UNAFFECTED),
        step="shard-000",
        attempts=1,
        expected_attempts=1,
        mismatches=(),
        findings=(),
        retries=0,
        deaths=0,
        overlaps=(),
        reprocessed=(),
        waits=(),
    )
    return Cell(
        scenario=scenario,
        column=column,
        repeat=1,
        observed_on=ON,
        policy=POLICY,
        workers=2,
        shards=10,
        starts=(start(4.0),),
        attempts=DID,
        engine=(),
        store=Published(finished=True, digest="v1:1000:ab", committed=10),
        fired=(),
        continues=False,
        command=f"shardwise compare --scenarios {scenario} --engines {column}",
        log="",
        judgement=judgement.model_copy(update=judged),
    )


def start(seconds: float, **more: Any) -> Start:
    """A start that completed."""
    given = {"completed": True, "error": "", "answered": True, "ended": True, "status": 0, "interrupted": False}
    return Start(**(given | {"seconds": seconds, "ended_at": START} | more))


def judged(found: Cell, **judged: Any) -> Cell:
    """The same cell with other fields of its judgement."""
    return found.model_copy(update={"judgement": found.judgement.model_copy(update=judged)})


def mismatch(found: Cell, message: str = "stuck, expected unaffected") -> Cell:
    """The same cell, not as expected."""
    return judged(found, mismatches=(message,))


def wait(seconds: float, *, others: int = 0, when_due: int = 0) -> Wait:
    """A wait for the first retry, declared as 2 s."""
    return Wait(
        step="shard-000",
        retry=1,
        declared_seconds=2.0,
        observed_seconds=seconds,
        end_by="attempt",
        clock="monotonic",
        others=others,
        others_when_due=when_due,
    )


def column(product: str, *, stand_in: bool = False, absent: str = "") -> Column:
    """A column that was observed here, or why it was not."""
    return Column(
        title=f"{product} here",
        product=product,
        stand_in=stand_in,
        ours=False,
        observed_on=None if absent else ON,
        not_observed=absent,
    )


COLUMNS = {"local": column(""), "prefect": column("prefect"), "render": column("render", stand_in=True)}


def comparison(cells: Iterable[Cell], columns: dict[str, Column] | None = None) -> Comparison:
    """What was observed, before anything is concluded."""
    found = tuple(cells)
    names = dict.fromkeys(each.scenario for each in found)
    return Comparison(
        made_at=START,
        machine=MACHINE,
        versions={"shardwise": "0.1.0"},
        pipeline=PipelineName(name="customers", version=2, reference="a:b", verifies=True),
        shards=10,
        workers=2,
        wait_scale=1.0,
        declared=POLICY,
        reference=Reference(digest="v1:1000:ab"),
        products=PRODUCTS,
        columns=columns or COLUMNS,
        scenarios={name: scenario(name, columns or COLUMNS) for name in names},
        cells=found,
    )


def scenario(name: str, columns: Iterable[str] = COLUMNS) -> Scenario:
    """A scenario in which nothing breaks."""
    expected = {each: Expected(Verdict.UNAFFECTED) for each in columns}
    return Scenario(title=name, purpose="?", plan=(), expected=expected)


def recorded(folder: Path) -> Comparison:
    """What ``shardwise compare`` wrote in a folder."""
    return Comparison.model_validate_json((folder / "shardwise-report" / "compare.json").read_bytes())


def with_attempts(found: Cell, attempts: Iterable[Attempt], **more: Any) -> Cell:
    """The same cell with other attempts."""
    return found.model_copy(update={"attempts": tuple(attempts)} | more)
