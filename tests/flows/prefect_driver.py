"""Runs the merge as a Prefect flow for each line of parameters on standard input, and tells on a line how it ended."""

from __future__ import annotations

import json
import sys
from typing import Any

from flows.prefect_flow import merge_customer_data


def main() -> None:
    """Serve until standard input ends."""
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line))), flush=True)  # noqa: T201 — the answer


def _run(parameters: dict[str, Any]) -> dict[str, Any]:
    state = merge_customer_data(**parameters, return_state=True)
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
