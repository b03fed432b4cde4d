"""Programs that some tests need and a machine may lack: without them a test is skipped, in CI it fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def program(name: str, package: str, *folders: str) -> str:
    """The path of a program, looked for in PATH and in folders that may hold ``*``.

    Args:
        name: Such as ``chromium``.
        package: The Debian package that has it.
        folders: Where else it may be, the last match first.
    """
    elsewhere = sorted((str(path) for folder in folders for path in Path("/").glob(f"{folder}/{name}")), reverse=True)
    if found := shutil.which(name) or next(iter(elsewhere), None):
        return found
    reason = f"{name} is missing: apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
