"""Counts the processors that this process may use."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OWN_GROUPS, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")  # the usual mount point on Linux


def cores() -> int:
    """Return the number of processors that this process is bound to, limited by its container's CPU quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(bound, quota())))


def quota(own_groups: Path = OWN_GROUPS, groups: Path = GROUPS) -> float:
    """Return the CPU quota of this process's control groups, in processors; infinite without a limit.

    Args:
        own_groups: The file that names its groups, one line per hierarchy: ``0::/a/b`` for version 2,
            ``4:cpu,cpuacct:/a/b`` for version 1.
        groups: The mount point of the hierarchies. A container may see its own group as the root.
    """
    limits = [math.inf]
    with suppress(OSError):
        for line in own_groups.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                limits += _limits(groups, path, _of_version_2)
            elif "cpu" in controllers.split(","):
                limits += _limits(groups / controllers, path, _of_version_1)
    return min(limits)


def _limits(root: Path, path: str, read: Callable[[Path], float]) -> Iterator[float]:
    """Yield the limits of a group and all its parents."""
    group = root / path.lstrip("/")
    for folder in (group, *(each for each in group.parents if each.is_relative_to(root))):
        with suppress(OSError, ValueError, ZeroDivisionError):
            yield read(folder)


def _of_version_2(group: Path) -> float:
    limit, period = (group / "cpu.max").read_text().split()
    return math.inf if limit == "max" else int(limit) / int(period)


def _of_version_1(group: Path) -> float:
    limit, period = (int((group / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
    return limit / period if limit > 0 else math.inf
