"""A flow run ends with its work: nobody waits for the thread of its heartbeats, which looks up once a second."""

from __future__ import annotations

from functools import partial

from prefect import flow_engine


def leave_heartbeat_thread() -> None:
    """End flows as Prefect ends asynchronous ones: their thread is told to stop, and not waited for."""
    flow_engine._send_heartbeats = partial(flow_engine._send_heartbeats, join_on_exit=False)  # noqa: SLF001 — no setting
