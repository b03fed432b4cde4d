"""What Prefect must still have, so that its flows end without the wait for their heartbeats."""

from __future__ import annotations

import inspect
from functools import partial

from prefect import flow_engine

import flows.prefect_flow  # noqa: F401 — sets it


def test_the_engine_of_our_flows_does_not_wait() -> None:
    """The engine asks for its heartbeats by the name that is set, and they know the option."""
    heartbeats = flow_engine._send_heartbeats
    assert isinstance(heartbeats, partial)
    assert heartbeats.keywords == {"join_on_exit": False}
    assert "join_on_exit" in inspect.signature(heartbeats.func).parameters
    run_context = inspect.unwrap(flow_engine.FlowRunEngine.run_context)
    assert "_send_heartbeats" in run_context.__code__.co_names
