"""Runs a flow for each line of parameters on standard input, and prints how it ended: the merge, or ``pipeline``."""

from __future__ import annotations

import json
import sys
from typing import Any

from flows.prefect_flow import merge_customer_data, run_pipeline


def main() -> None:
    """Serve until standard input ends."""
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)  # noqa: T201 — the answer


def _run(parameters: dict[str, Any]) -> dict[str, Any]:
    flow: Any = run_pipeline if "pipeline" in parameters else merge_customer_data
    state = flow(**parameters, return_state=True)
    value = state.result(raise_on_failure=False)
    failed = isinstance(value, BaseException)
    return {
        "flow_run_id": str(state.state_details.flow_run_id),
        "state": state.name,
        "result": {} if failed else value,
        "error": f"{type(value).__name__}: {value}" if failed else "",
    }


if __name__ == "__main__":
    main()
