"""What must not be after a disturbed run and its second start: wrong output, files nobody documents, processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shared.run.scratch import scratch
from tests.chaos.plan import SHARDS
from tests.golden import GOLDEN_DIGEST
from tests.processes import processes_with

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RUN_ID = "r"
MARK = "SHARDWISE_CHAOS"  # the variable that names a start's folder in the environment of its processes

_STEP = r"(stage|aggregate|shard-00\d)\.invocation-[12]\.attempt-\d+"
_DOCUMENTED = re.compile(
    rf"shardwise-store\.json"
    rf"|staged/customers-v\d+-[0-9a-f]{{32}}-{SHARDS}/"
    rf"(staged\.json|last-used-by\.json|files-[0-9a-f]{{16}}/[a-z]+\.(arrow|parquet|csv|json))"
    rf"|runs/{RUN_ID}/(job\.json|result\.json|rejects\.csv|(invocations|ends)/[12]\.json"
    rf"|attempts/{_STEP}(\.end)?\.json|parts/{_STEP}\.parquet|manifests/shard-00\d\.json|profiles/shard-00\d\.parquet)"
)
# What Python's own multiprocessing leaves in the folder for temporary files when a process is killed: empty sockets.
_OF_PYTHON = re.compile(r"pymp-[^/]+(/listener-[^/]+)?")


def wrong_output(store: Path, answer: dict[str, Any], published: dict[str, bytes]) -> Iterable[str]:
    """What is wrong with a start that claims to have finished.

    Args:
        store: Its store.
        answer: What it told: ``result`` or ``error``.
        published: The files of an undisturbed run, by name.
    """
    if "error" in answer:
        yield f"it failed: {answer['error']}"
        return
    if (digest := answer["result"]["digest"]) != GOLDEN_DIGEST:
        yield f"its digest is {digest}, not {GOLDEN_DIGEST}"
    found = {path.name: path.read_bytes() for path in (store / "runs" / RUN_ID / "profiles").glob("*")}
    if wrong := sorted(name for name in {*found, *published} if found.get(name) != published.get(name)):
        yield f"published files differ from an undisturbed run's: {', '.join(wrong)}"


def stray_files(store: Path, temporary: Path) -> list[str]:
    """Files that no document names, in the store and among the temporary files.

    What killed processes were writing goes with the next write, so one is begun first.
    """
    for folder in (store / "tmp", temporary):
        folder.mkdir(parents=True, exist_ok=True)
        with scratch(folder):
            pass
    names = (str(path.relative_to(store)) for path in store.rglob("*") if not path.is_dir())
    strays = [name for name in names if not _DOCUMENTED.fullmatch(name)]
    left = (path.relative_to(temporary) for path in temporary.rglob("*"))
    return strays + [f"temporary {path}" for path in left if not _OF_PYTHON.fullmatch(str(path))]


def processes_of(folder: Path) -> list[int]:
    """The processes that a start in a folder, or any of its descendants, has started and that still run."""
    return processes_with(MARK, folder)
