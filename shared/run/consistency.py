"""Checks before a run publishes anything: that its inputs, staging, shards and files belong together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from shared.run.checksum import Checksum
from shared.run.errors import TerminalError, TransientError
from shared.run.store import READERS

if TYPE_CHECKING:
    from shared.run.manifest import Manifest
    from shared.run.run import Run


def check_unchanged(run: Run) -> None:
    """Refuse inputs that have changed since the run was opened."""
    earlier = run.invocation.versions
    now = run.inputs().versions()
    if changed := sorted(name for name in {*earlier, *now} if now.get(name) != earlier.get(name)):
        raise TransientError(
            f"{', '.join(changed)} in {run.job.data_url} changed since the run started; start a run with another run_id"
        )


def check_staged(run: Run) -> None:
    """Refuse a run without a staging if its pipeline stages."""
    if run.pipeline.stage and not run.staged:
        raise TransientError(f"{run.store.url} has no staging for run {run.job.run_id}; run the step stage first")


def complete(run: Run) -> list[Manifest]:
    """Return the manifests of all shards, after checking that they come from this start's inputs and staging."""
    check_staged(run)
    manifests = run.manifests()
    check_of_one_input(run, manifests)
    if missing := sorted(set(range(run.job.num_shards)) - {each.shard_id for each in manifests}):
        raise TransientError(f"shards {missing} are not committed; run the same run_id again to finish them")
    return manifests


def check_of_one_input(run: Run, manifests: list[Manifest]) -> None:
    """Refuse shards that were made from other inputs, or from another staging, than this start has.

    A staging is identified by its content: after it was removed and made again from the same inputs, it is the same,
    unless the pipeline's staging is not deterministic.
    """
    opened_with, content = run.invocation.input_digest, run.content
    if other := [each.shard_id for each in manifests if each.input_digest != opened_with]:
        raise TerminalError(
            f"shards {other} of run {run.job.run_id} were committed from other input files, by an earlier start that "
            "was still running; start a run with another run_id"
        )
    if other := [each.shard_id for each in manifests if each.staging != content]:
        raise TerminalError(
            f"shards {other} of run {run.job.run_id} were committed from another staging than the one that is now in "
            f"{run.store.url}: that was made again and has other content; start a run with another run_id"
        )


def check_parts(run: Run, manifests: list[Manifest]) -> None:
    """Refuse files that differ from the committed ones."""
    with ThreadPoolExecutor(READERS) as threads:
        right = list(threads.map(partial(_is_right, run), manifests))
    if wrong := [each.part for each, good in zip(manifests, right, strict=True) if not good]:
        raise TerminalError(
            f"{len(wrong)} of {len(manifests)} files are missing or are not those that were committed, first "
            f"{run.store.url}/{wrong[0]}: something else changed the store; start a run with another run_id"
        )


def _is_right(run: Run, manifest: Manifest) -> bool:
    try:
        with run.store.open(manifest.part) as file:
            return manifest.is_of(Checksum.of(file))
    except FileNotFoundError:
        return False
