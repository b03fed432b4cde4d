"""The steps of a run, which every engine calls with a job: open, stage, process a shard, aggregate."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING

from shared.run.checksum import Checksum, content_of
from shared.run.consistency import check_of_one_input, check_parts, check_staged, check_unchanged, complete
from shared.run.digest import Digest
from shared.run.errors import TerminalError, TransientError, explained
from shared.run.fault_points import fault_points
from shared.run.ledger import attempt
from shared.run.loading import allowed_pipelines, load_pipeline
from shared.run.log import OURS, Logger, attempt_lines
from shared.run.manifest import Manifest, StagingManifest
from shared.run.marker import mark
from shared.run.opening import check_allowed, check_shareable, with_data
from shared.run.returned import as_json, check_small, check_written, facts_of
from shared.run.run import JsonObject, Run
from shared.run.step_names import AGGREGATE, STAGE, shard_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.run.fault_points import FaultPoints
    from shared.run.job import Job
    from shared.run.ledger import Claim


def open_run(job: Job) -> Job:
    """Start or resume a run: check its inputs, record it, and claim an invocation.

    Args:
        job: The job.

    Returns:
        The opened job, for the other steps.

    Raises:
        TerminalError: An input is missing, the pipeline is unknown, or the run was started before with other data.
    """
    run = Run.of(job)
    check_allowed(run)
    check_shareable(run)
    run = with_data(run)
    inputs = run.inputs()
    versions = inputs.versions()
    mark(run.store)
    return run.open(inputs.digest(versions), versions)


def stage(job: Job, logger: Logger = OURS) -> JsonObject:
    """Stage the inputs of an opened run, unless a staging of the same inputs exists.

    Returns:
        ``staged`` (``new``, ``reused``, or ``nothing`` if the pipeline does not stage), the facts of the pipeline's
        ``accept``, and ``remaining_shards`` (ids that are not committed).

    Raises:
        TerminalError: The pipeline refuses its input.
        TransientError: An input changed while it was read.
    """
    run = Run.of(job, logger)
    with _attempt(run, STAGE) as current:
        points = _points(run, STAGE, current)
        points.before_work()
        current.outcome = _stage_once(run, points, current)
        points.after_commit()
        accepted = _accepted(run, current)
        committed = run.manifests()
        check_of_one_input(run, committed)
        remaining = sorted(set(range(run.job.num_shards)) - {each.shard_id for each in committed})
        return {"staged": current.outcome, **accepted, "remaining_shards": remaining}


def process_shard(job: Job, shard_id: int, logger: Logger = OURS) -> JsonObject:
    """Process one shard of an opened and staged run, and commit it.

    Returns:
        The fields of the shard's ``Manifest``, which have a fixed size.

    Raises:
        TerminalError: The job has no such shard, or the pipeline broke a rule.
        TransientError: There is no staging, or something outside the data failed.
    """
    run = Run.of(job, logger)
    run.job.check_shard(shard_id)
    with _attempt(run, shard_step(shard_id)) as current:
        points = _points(run, shard_step(shard_id), current)
        points.before_work()
        current.outcome = "already_committed"
        manifest = run.manifest(shard_id)
        if manifest is None:
            manifest = _commit_shard(run, shard_id, points, current)
            current.outcome = "committed"
        points.after_commit()
        return manifest.to_json()


def aggregate(job: Job, logger: Logger = OURS) -> JsonObject:
    """Aggregate the committed shards of a run, publish its output, and publish its result last.

    Returns:
        The run's result: ``run_id``, ``pipeline``, ``engine``, ``digest``, ``output`` (URL), ``shards_processed``,
        ``shard_timings`` and the pipeline's own values.

    Raises:
        TransientError: A shard is not committed, or the pipeline finds that the shards do not add up.
    """
    run = Run.of(job, logger)
    with _attempt(run, AGGREGATE) as current:
        points = _points(run, AGGREGATE, current)
        points.before_work()
        manifests = complete(run)
        if run.pipeline.stage is None:
            check_unchanged(run)
        check_parts(run, manifests)
        with _explained(run, AGGREGATE):
            found = run.pipeline.aggregate(run.context(current.number), [each.facts for each in manifests])
        result = _result(run, manifests, as_json(run, "aggregate", found))
        run.publish_output(manifests)
        points.before_commit()
        run.publish_result(result)
        current.outcome = "committed"
        points.after_commit()
        return result


def preload() -> None:
    """Import what the steps need, for processes that start before their work is known.

    A pipeline that cannot be imported is skipped; the step that needs it reports the error.
    """
    for reference in allowed_pipelines():
        with suppress(TerminalError, ImportError):
            for module in load_pipeline(reference).preload:
                import_module(module)


@contextmanager
def _attempt(run: Run, step: str) -> Iterator[Claim]:
    """Record an attempt in the ledger, and its start and end in the engine's log."""
    with attempt(run.store, run.job, step) as current, attempt_lines(run.logger, run.job, step, current.number):
        yield current


def _points(run: Run, step: str, current: Claim) -> FaultPoints:
    check_allowed(run)
    return fault_points(run.store, run.job, step, current.number)


@contextmanager
def _explained(run: Run, step: str) -> Iterator[None]:
    """Explain an error of the pipeline in staging or aggregation as the run's error does for shards."""
    try:
        yield
    except (TransientError, TerminalError):
        raise
    except Exception as error:
        run_id = run.job.run_id
        raise TransientError(
            f"{step} of run {run_id} failed: {explained(error)}\nRun again with run_id {run_id} to resume."
        ) from error


def _stage_once(run: Run, points: FaultPoints, current: Claim) -> str:
    """Make the run's staging, or find one; nothing is kept if inputs change while they are read.

    Each attempt fills its own folder. The manifest, created once, names the committed folder.
    """
    if run.pipeline.stage is None:
        check_unchanged(run)
        return "nothing"
    if run.staged:
        run.keep_staging()
        return "reused"
    check_unchanged(run)
    folder = f"{run.staging}/files-{secrets.token_hex(8)}"
    with run.store.publishing_folder(folder) as path:
        with _explained(run, STAGE):
            found = run.pipeline.stage(run.context(current.number), path)
        facts = as_json(run, "stage", found)
        points.before_commit()
        check_unchanged(run)
        content = content_of(path, facts)
    if run.commit_staging(StagingManifest(folder, facts, content)):
        return "new"
    run.store.remove(folder)
    return "reused"


def _accepted(run: Run, current: Claim) -> JsonObject:
    if run.pipeline.accept is None:
        return {}
    try:
        with _explained(run, STAGE):
            accepted = run.pipeline.accept(run.context(current.number))
    except TerminalError as error:
        if run.result() is None:
            raise
        raise TerminalError(
            f"{error}\nRun {run.job.run_id} has finished before, and its published result stays; "
            "for a result with other parameters, start a run with another run_id"
        ) from error
    return as_json(run, "accept", accepted)


def _commit_shard(run: Run, shard_id: int, points: FaultPoints, current: Claim) -> Manifest:
    """Have the pipeline write one shard, and commit it; the committed manifest may be another attempt's."""
    started = time.monotonic()
    check_staged(run)
    part = run.part_name(shard_id, current.number)
    with run.store.publishing(part) as path:
        points.before_write(path)
        with points.during(run.pipeline.process_shard):
            returned = run.pipeline.process_shard(run.context(current.number, shard_id), shard_id, path)
        check_written(run, shard_id, path)
        facts, digest = facts_of(run, returned, path)
        check_small(run, shard_id, facts)
        written = Checksum.at(path)
        points.before_commit()
    manifest = Manifest(
        shard_id=shard_id,
        part=part,
        digest=digest.text(run.pipeline.version),
        facts=facts,
        input_digest=run.invocation.input_digest,
        invocation=run.job.invocation,
        attempt=current.number,
        elapsed_ms=round((time.monotonic() - started) * 1000),
        staging=run.content,
        size=written.size,
        blake3=written.blake3,
    )
    counts = run.commit(manifest)
    if counts.part != part:
        run.store.remove(part)
    return counts


def _result(run: Run, manifests: list[Manifest], found: JsonObject) -> JsonObject:
    """Return the values of every result, and those of the pipeline."""
    digests = [Digest.parse(each.digest) for each in manifests]
    own = {
        "run_id": run.job.run_id,
        "pipeline": run.pipeline.name,
        "engine": run.job.engine,
        "digest": Digest.sum(digests).text(run.pipeline.version),
        "output": run.url(run.output),
        "shards_processed": len(manifests),
        "shard_timings": [
            {"count": digest.count, "shard_id": m.shard_id, "elapsed_ms": m.elapsed_ms, "attempt": m.attempt}
            for m, digest in zip(manifests, digests, strict=True)
        ],
    }
    if taken := sorted(own.keys() & found.keys()):
        raise TerminalError(
            f"aggregate of the pipeline {run.pipeline.name} returns {', '.join(taken)}, which is in every result; "
            "use another name"
        )
    return own | found
