"""The only door for engines: open a run, stage its sources, process a shard, aggregate; small JSON in and out."""

from __future__ import annotations

import os

from shared.customers.inputs import Inputs
from shared.faults.plan import FaultInjector
from shared.run.errors import TerminalError, TransientError
from shared.run.job import is_local
from shared.run.ledger import STAGE, attempt, shard_step
from shared.run.run import JsonObject, Run
from shared.run.store import create_json


def open_run(job: JsonObject) -> JsonObject:
    """Start, or resume, a run: check its inputs, write down what it is about, claim an invocation.

    Args:
        job: A complete job, as ``MergeJob.to_json`` gives it.

    Returns:
        The job as this invocation of it, for the other doors.

    Raises:
        TerminalError: A source is missing or empty, or the run was started before with other data.
    """
    run = Run.of(job)
    _check_shareable(run)
    inputs = Inputs.at(run.job.data_url)
    versions = inputs.versions()
    return run.open(inputs.digest(versions), versions)


def stage_sources(job: JsonObject) -> JsonObject:
    """Stage the sources of an opened run, unless a run over the same data has.

    Returns:
        ``staged`` (``new`` or ``reused``), ``rows`` (accepted, by source), ``rejects`` (how many), ``remaining_shards``
        (ids that are not committed yet).

    Raises:
        TerminalError: A source that cannot be read, or more rejected rows than the job allows.
        TransientError: A source changed while it was read.
    """
    from shared.customers.rejects import check_limit

    run = Run.of(job)
    with attempt(run.store, run.job, STAGE) as current:
        injector = FaultInjector.of(run.job, None, current.number)
        injector.before_work()
        current.outcome = _stage_once(run, injector)
        injector.after_commit()
        with run.store.publishing(run.name("rejects.csv")) as path:
            path.write_bytes(run.store.read(f"{run.staging}/rejects.csv"))
        check_limit(run.job, run.staged, run.url("rejects.csv"))
        return {
            "staged": current.outcome,
            "rows": {name: source["rows"] for name, source in run.staged["sources"].items()},
            "rejects": run.staged["rejects"],
            "remaining_shards": sorted(set(range(run.job.num_shards)) - run.committed()),
        }


def process_shard(job: JsonObject, shard_id: int) -> JsonObject:
    """Merge, score and commit one shard of an opened and staged run.

    Returns:
        The shard's result, of fixed size: ``shard_id``, ``customers``, ``digest``, ``output``, sums and distributions
        of the scores, ``rows`` and ``duplicates`` by source, ``unknown_values``, ``elapsed_ms``, ``invocation`` and
        ``attempt``.

    Raises:
        TerminalError: The job has no such shard.
        TransientError: There is no staging, or something outside the data went wrong.
    """
    run = Run.of(job)
    run.job.check_shard(shard_id)
    with attempt(run.store, run.job, shard_step(shard_id)) as current:
        injector = FaultInjector.of(run.job, shard_id, current.number)
        injector.before_work()
        current.outcome = "already_committed"
        result = run.manifest(shard_id)
        if result is None:
            from shared.customers.shard import merge_shard

            result = merge_shard(run, shard_id, current.number, injector)
            current.outcome = "committed"
        injector.after_commit()
        return result


def aggregate_results(job: JsonObject) -> JsonObject:
    """Add up the committed shards of a run and publish its result, last of all.

    Returns:
        The run's result.

    Raises:
        TransientError: A shard is not committed, or the shards do not add up to what was staged.
    """
    from shared.customers.summary import lowest_profile, tally

    run = Run.of(job)
    manifests = run.manifests()
    totals = tally(manifests, run.job.num_shards, run.staged)
    sample = None if run.job.redact else lowest_profile(run.store, manifests)
    result = {
        "run_id": run.job.run_id,
        "engine": run.job.engine,
        **totals,
        "sample_profile": sample,
        "output": run.url("profiles"),
    }
    run.publish_result(result)
    return result


def preload() -> None:
    """Import what a shard needs and do nothing with it, for processes that start before their work is known."""
    import shared.customers.preload  # noqa: F401


def _stage_once(run: Run, injector: FaultInjector) -> str:
    """Make the run's staging, or find one; nothing is kept of sources that change while they are read."""
    from shared.customers.stage import stage

    if "staged.json" in run.store.names(run.staging):
        return "reused"
    inputs = Inputs.at(run.job.data_url)
    _check_unchanged(run, inputs)
    manifest = stage(inputs, run.store, run.staging, run.job.num_shards)
    injector.before_commit()
    _check_unchanged(run, inputs)
    create_json(run.store, f"{run.staging}/staged.json", manifest)
    return "new"


def _check_unchanged(run: Run, inputs: Inputs) -> None:
    earlier = run.versions()
    if changed := [name for name, version in inputs.versions().items() if version != earlier[name]]:
        raise TransientError(
            f"{', '.join(changed)} in {run.job.data_url} changed since the run started; start a run of another run_id"
        )


def _check_shareable(run: Run) -> None:
    """On Render's cloud every task has a disk of its own, so a local folder cannot be shared."""
    if os.environ.get("RENDER") == "true" and is_local(run.job.store_url):
        raise TerminalError(
            f"the store {run.job.store_url} is a local folder, which tasks on Render do not share; "
            "set SHARDWISE_STORE_URL to a bucket, such as s3://my-bucket/shardwise"
        )
