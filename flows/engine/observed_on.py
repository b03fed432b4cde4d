"""Records where something was observed: service, version, time and machine."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.run.cores import cores


@dataclass(frozen=True)
class ObservedOn:
    """Where a cell was observed.

    Attributes:
        served_by: What executed the run, such as ``a Prefect server``.
        version: The version of that.
        at: The time in UTC.
        machine: System, processor, cores and Python.
    """

    served_by: str
    version: str
    at: str
    machine: str

    @classmethod
    def now(cls, served_by: str, version: str) -> ObservedOn:
        """Return the current time and machine."""
        return cls(served_by, version, datetime.now(UTC).isoformat(timespec="seconds"), machine())


def machine() -> str:
    """Describe this machine in a few words."""
    return f"{platform.system()} {platform.machine()}, {cores()} cores, Python {platform.python_version()}"


def version_of(distribution: str) -> str:
    """Return the version of an installed distribution."""
    from importlib.metadata import version  # imported here, so that other commands start faster

    return version(distribution)
