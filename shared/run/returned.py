"""Checks what a pipeline returns and writes against the rules for pipelines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.run.errors import TerminalError
from shared.run.pipeline import Processed
from shared.run.step_names import shard_step

if TYPE_CHECKING:
    from pathlib import Path

    from shared.run.digest import Digest
    from shared.run.run import JsonObject, Run

# Render's limit for arguments is 4 MB. This lower limit keeps results small for any amount of data.
MAX_FACTS_BYTES = 16 * 1024


def facts_of(run: Run, returned: object, path: Path) -> tuple[JsonObject, Digest]:
    """Return the facts of a shard and the digest of its file."""
    if isinstance(returned, Processed):
        return as_json(run, "process_shard", returned.facts), returned.digest
    return as_json(run, "process_shard", returned), run.pipeline.digest_of(path)


def check_written(run: Run, shard_id: int, path: Path) -> None:
    """Refuse a shard without its file, or with other files, which would never be published."""
    who = f"process_shard of the pipeline {run.pipeline.name}"
    beside = sorted(each.name for each in path.parent.iterdir() if each != path)
    if beside:
        raise TerminalError(
            f"{who} wrote {', '.join(beside)} beside the path of {shard_step(shard_id)}; only that counts"
        )
    if path.is_symlink() or not path.is_file():
        raise TerminalError(f"{who} wrote no file for {shard_step(shard_id)}; it must write the path it is given")


def check_small(run: Run, shard_id: int, facts: JsonObject) -> None:
    """Refuse facts that are too large."""
    if len(json.dumps(facts)) > MAX_FACTS_BYTES:
        raise TerminalError(
            f"{shard_step(shard_id)}: what process_shard of the pipeline {run.pipeline.name} returns is larger than "
            f"{MAX_FACTS_BYTES:,} bytes; write it into the shard's file instead"
        )


def as_json(run: Run, function: str, value: object) -> JsonObject:
    """Return a pipeline's result as it will be read from JSON."""
    wrong = f"{function} of the pipeline {run.pipeline.name} must return a JSON object"
    if not isinstance(value, dict):
        raise TerminalError(f"{wrong}: it is of type {type(value).__name__}")
    try:
        read: JsonObject = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TerminalError(f"{wrong}: {error}") from error
    return read
