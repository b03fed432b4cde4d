"""Where something was observed: what served it, in which version, when and on what machine."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.run.cores import cores


@dataclass(frozen=True)
class ObservedOn:
    """Where a cell was observed.

    Attributes:
        served_by: What kept the run's attempts, such as ``a Prefect server``.
        version: Of that.
        at: When, in UTC.
        machine: System, processor, cores and Python.
    """

    served_by: str
    version: str
    at: str
    machine: str

    @classmethod
    def now(cls, served_by: str, version: str) -> ObservedOn:
        """Here and now."""
        return cls(served_by, version, datetime.now(UTC).isoformat(timespec="seconds"), machine())


def machine() -> str:
    """This machine in a few words."""
    return f"{platform.system()} {platform.machine()}, {cores()} cores, Python {platform.python_version()}"


def version_of(distribution: str) -> str:
    """The version of an installed distribution."""
    from importlib.metadata import version  # here: every command would import it

    return version(distribution)
