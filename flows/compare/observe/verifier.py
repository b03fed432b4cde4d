"""Calls a pipeline's ``verify`` in its own process: ``python -m flows.compare.observe.verifier`` reads the run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from shared.isolation.lifetime import die_with
from shared.run.errors import explained
from shared.run.job import Job
from shared.run.run import Run


def main() -> None:
    """Write the answer, or why there is none, to the file that stdin names."""
    given = json.load(sys.stdin)
    die_with(given["parent"])
    run = Run.of(Job.from_json(given["job"]))
    assert run.pipeline.verify is not None  # noqa: S101 — nobody asks a pipeline that has none
    said: dict[str, object]
    try:
        found = run.pipeline.verify(run.context(0), given["result"])
    except BaseException as error:  # noqa: BLE001 — SystemExit, too, is not an answer
        said = {"failed": f"raised {explained(error)}"}
    else:
        said = {"problems": found} if _is_texts(found) else {"failed": f"returned {_shown(found)}, not a list of texts"}
    Path(given["answer"]).write_text(json.dumps(said), encoding="utf-8")


def _is_texts(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(each, str) for each in found)


def _shown(found: object) -> str:
    return repr(found) if found is None or isinstance(found, bool) else f"a value of type {type(found).__name__}"


if __name__ == "__main__":
    main()
