"""The processors that a process may use: those it is bound to, and its container's quota."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest

from shared.run import cores

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = {
    "version 2": ("0::/pod/box\n", {"pod/cpu.max": "150000 100000", "pod/box/cpu.max": "max 100000"}, 1.5),
    "version 2, seen from a container": ("0::/\n", {"cpu.max": "50000 100000"}, 0.5),
    "version 2, whose folder is out of sight": ("0::/../elsewhere\n", {"cpu.max": "300000 100000"}, 3),
    "version 2 without a limit": ("0::/\n", {"cpu.max": "max 100000"}, math.inf),
    "version 1": (
        "5:memory:/x\n4:cpu,cpuacct:/box\n1:name=systemd:/\n0::/\n",
        {"cpu,cpuacct/box/cpu.cfs_quota_us": "250000", "cpu,cpuacct/box/cpu.cfs_period_us": "100000"},
        2.5,
    ),
    "version 1, seen from a container": (
        "1:cpu:/docker/1a2b\n",
        {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"},
        1,
    ),
    "version 1 without a limit": (
        "1:cpu:/\n",
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
        math.inf,
    ),
    "what nobody expects": ("0::/\n", {"cpu.max": "much"}, math.inf),
    "no groups": (None, {}, math.inf),
}


@pytest.mark.parametrize(("own", "files", "limit"), GROUPS.values(), ids=GROUPS.keys())
def test_the_quota_of_a_container(tmp_path: Path, own: str | None, files: dict[str, str], limit: float) -> None:
    """The least of a group and those above it counts, in both versions of control groups."""
    groups = tmp_path / "groups"
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(f"{text}\n")
    if own is not None:
        (tmp_path / "own").write_text(own)
    assert cores.quota(tmp_path / "own", groups) == limit


@pytest.mark.parametrize(("quota", "wanted"), [(0.5, 1), (1.0, 1), (1.5, 2), (math.inf, 8), (64.0, 8)])
def test_a_part_of_a_processor_counts_as_one(monkeypatch: pytest.MonkeyPatch, quota: float, wanted: int) -> None:
    """There is at least one, and never more than the process is bound to."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "quota", lambda: quota)
    assert cores.cores() == wanted
