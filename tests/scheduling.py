"""Which tests run in one process, one after another: those of a file, and of files that share a server."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

# Files whose tests take the same fixture for a whole folder: each process that has some of them starts its own.
TOGETHER = {
    "served": ("tests/deployments/test_serve.py", "tests/deployments/test_ui.py"),
    "context": (
        "tests/flows/compare/observe/test_behaviours.py",
        "tests/flows/compare/observe/test_deployed.py",
        "tests/flows/compare/report/test_slots.py",
        "tests/flows/compare/observe/test_starts.py",
    ),
    "prefect_server": (
        "tests/flows/on_prefect/ui/test_artifacts.py",
        "tests/flows/on_prefect/test_make.py",
        "tests/flows/on_prefect/test_parity_check.py",
        "tests/flows/on_prefect/test_runners.py",
        "tests/flows/test_logs.py",
        "tests/flows/test_pipelines.py",
        "tests/flows/test_prefect_flow.py",
        "tests/flows/test_prefect_kills.py",
    ),
}


class ByServer(LoadFileScheduling):  # type: ignore[misc]
    """Gives a process all tests of a file, or of all files that share a server."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(super()._split_scope(nodeid))


def scope_of(file: str) -> str:
    """What all tests of a file are given to a process with: the fixture they share with other files, or the file."""
    return next((fixture for fixture, files in TOGETHER.items() if file in files), file)
