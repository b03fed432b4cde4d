"""What the installed SDK does where the fork server ends an app's import at its start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.prefect_server import ROOT

pytestmark = pytest.mark.servers

APP = "import render, render.workflows, render.workflows.runner as runner; app = render.Workflows(); "
ENDED = "from flows.render_dev.processes.unguarded_start import AppStartedError, end_import_at_start as end; end(); "
STARTS = ["app.start()", "render.start()", "render.workflows.start()", "runner.start()"]


def ended_by(code: str) -> str:
    """The type of the error that ends a process, and the text of it."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("start", STARTS)
def test_the_sdk_refuses_to_start_without_a_mode(start: str) -> None:
    """Each way to start an app fails where there is nothing to do. When it no longer does, ours can go."""
    assert ended_by(APP + start) == "ValueError: RENDER_SDK_MODE environment variable is required"


@pytest.mark.parametrize("start", STARTS)
def test_the_import_of_an_app_ends_at_each_of_them(start: str) -> None:
    """The fork server recognises each of them."""
    assert ended_by(ENDED + APP + start).endswith("AppStartedError")
