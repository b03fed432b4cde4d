"""What every process of ours that talks to Prefect wants, unless its environment says otherwise."""

from __future__ import annotations

import os

PREFECT_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Prefect's own 20 s are short for a first start on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}


def set_defaults() -> None:
    """Set what this process's environment does not say; before Prefect is imported, which reads it once."""
    for name, value in PREFECT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
