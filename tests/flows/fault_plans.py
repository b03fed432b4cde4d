"""Fault plans drawn from a seed, and a run of engine local under one, judged by what it leaves in its store."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from flows.compare.observe.outputs import published
from flows.local import run_job
from shared.faults.actions import FAULT_INJECTION_MARKER
from shared.faults.plan import KINDS, ON_SHARDS, ON_STAGING, Fault
from shared.run.errors import ShardsFailedError
from shared.run.run import Run
from shared.run.settings import SAMPLE_DATA
from shared.run.step_names import AGGREGATE, STAGE, shard_step

if TYPE_CHECKING:
    from pathlib import Path

    from shared.run.job import Job
    from shared.run.policy import RetryPolicy

NUM_SHARDS = 4
ATTEMPTS = range(1, 5)  # those that the policy allows
SILENT = ("hang", "exit_without_result")  # only the timeout tells
RARE = ("duplicate_attempt", "overlap_midway", "slow", "source_vanishes")  # slow, or nothing recovers
PATIENT, HURRIED = 20.0, 1.5  # seconds that an attempt may take; undisturbed it takes a tenth, on a busy machine one


@dataclass(frozen=True)
class Plan:
    """What is to break in one run.

    Attributes:
        seed: It was drawn from.
        faults: One to four, on any step.
        timeout: The timeout of an attempt in seconds; short if faults are silent.
    """

    seed: int
    faults: tuple[Fault, ...]
    timeout: float

    @classmethod
    def of(cls, seed: int) -> Plan:
        """The same plan for the same seed, on every machine."""
        random = Random(seed)  # noqa: S311 — faults, no secrets
        kinds = [kind for kind in KINDS if kind not in SILENT]
        weights = [0.2 if kind in RARE else 1.0 for kind in kinds]
        drawn = random.choices(kinds, weights, k=random.randint(1, 4))
        if hurried := random.random() < 0.1:
            drawn = [random.choice(SILENT), *(kind for kind in drawn[1:] if kind not in RARE)]
        return cls(seed, tuple(_fault(random, kind) for kind in drawn), HURRIED if hurried else PATIENT)

    def of_step(self, step: str) -> list[Fault]:
        """The faults of one step."""
        return [fault for fault in self.faults if fault.step == step]

    @property
    def must_recover(self) -> bool:
        """Whether each step has an undisturbed attempt and none that ends all; a second attempt takes one."""
        if self.timeout == HURRIED or {fault.kind for fault in self.faults} & {
            "terminal",
            "source_vanishes",
            "duplicate_attempt",
            "overlap_midway",
        }:
            return False
        steps = {fault.step for fault in self.faults}
        return all(set(ATTEMPTS) - {n for fault in self.of_step(step) for n in fault.attempts} for step in steps)

    def __str__(self) -> str:
        """For the message of a failure."""
        return f"plan {self.seed}: " + "; ".join(
            f"{fault.kind} on {fault.step}, attempts {fault.attempts}" for fault in self.faults
        )


def _fault(random: Random, kind: str) -> Fault:
    elsewhere = kind not in ON_SHARDS and random.random() < 0.15
    other = STAGE if kind in ON_STAGING else random.choice([STAGE, AGGREGATE]) if elsewhere else None
    how_many = 1 if kind in RARE else random.choice([1, 1, 1, 4] if kind in SILENT else ATTEMPTS)
    attempts = sorted(random.sample(ATTEMPTS, how_many))
    return Fault(kind, other or shard_step(random.randrange(NUM_SHARDS)), tuple(attempts))


def run_and_judge(plan: Plan, reference: Run, folder: Path, policy: RetryPolicy) -> str:
    """Run a plan, run it again when it failed, and compare the store with an undisturbed run's.

    Args:
        plan: What breaks.
        reference: The undisturbed run. Its staging is used, unless the plan disturbs the staging.
        folder: For a store and data of the plan's own; need not exist.
        policy: The policy of the steps.

    Returns:
        ``recovered`` or ``failed by name``.

    Raises:
        AssertionError: It did neither.
    """
    job = _job(plan, reference, folder)
    error = _failure(job, policy)
    if error is None:
        _assert_complete(plan, job, reference)
        return "recovered"
    output = published(Run.of(job), reference)
    assert not output.wrong, f"{plan}: failed, and what is committed is wrong: {output}"
    committed = any(fault.kind == "crash_after_commit" for fault in plan.of_step(AGGREGATE))
    assert committed or not output.finished, f"{plan}: failed and published a result: {output}"
    assert not plan.must_recover, f"{plan}: should have recovered: {error!r}"
    _assert_named(plan, error, Run.of(job).committed())
    if (folder / "data").exists():
        shutil.copytree(SAMPLE_DATA, folder / "data", dirs_exist_ok=True)
    again = _failure(job, policy)
    assert again is None, f"{plan}: failed again: {again!r}"
    _assert_complete(plan, job, reference)
    return "failed by name"


def _job(plan: Plan, reference: Run, folder: Path) -> Job:
    store = folder / "store" if plan.of_step(STAGE) else reference.store.url
    data = reference.job.data_url
    if any(fault.kind in ON_STAGING for fault in plan.faults):
        shutil.copytree(SAMPLE_DATA, folder / "data")
        (folder / "data" / FAULT_INJECTION_MARKER).touch()
        data = str(folder / "data")
    return replace(
        reference.job, data_url=data, store_url=str(store), run_id=f"plan-{plan.seed}", invocation=0, faults=plan.faults
    )


def _failure(job: Job, policy: RetryPolicy) -> Exception | None:
    try:
        run_job(job, 2, policy)
    except Exception as error:  # noqa: BLE001 — whatever the run says
        return error
    return None


def _assert_complete(plan: Plan, job: Job, reference: Run) -> None:
    output = published(Run.of(job), reference)
    assert output.finished, f"{plan}: completed without a result: {output}"
    assert not output.wrong, f"{plan}: silently wrong: {output}"
    assert output.committed == NUM_SHARDS, f"{plan}: completed with shards missing: {output}"


def _assert_named(plan: Plan, error: Exception, committed: set[int]) -> None:
    """A failed run names faulted shards, and all that are missing; or its staging was faulted."""
    if not isinstance(error, ShardsFailedError):
        assert plan.of_step(STAGE) or plan.of_step(AGGREGATE), f"{plan}: failed, with faults on shards only: {error!r}"
        assert str(error), f"{plan}: failed without a word: {error!r}"
        return
    named = {int(shard) for shard in re.findall(r"^  shard (\d+): \w+: .", str(error), re.MULTILINE)}
    assert named >= set(range(NUM_SHARDS)) - committed, f"{plan}: shards are missing and not named: {error}"
    assert all(plan.of_step(shard_step(shard)) for shard in named), f"{plan}: named a shard without a fault: {error}"
