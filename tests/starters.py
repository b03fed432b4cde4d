"""Which tests start servers, browsers or PostgreSQL: they get the marker ``servers``, left out by ``make test-quick``.

A test does when its file imports what starts them, or when it takes a fixture that does. The random plans of faults,
whole comparisons and a whole bench take as long and count as such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

STARTERS = {
    "flows.engine.session",
    "tests.chaos.running",
    "tests.deployments.browser",
    "tests.deployments.conftest",
    "tests.deployments.postgres",
    "tests.flows.fault_plans",
    "tests.flows.merging",
    "tests.flows.prefect_driving",
    "tests.prefect_server",
    "tests.render_cloud",
    "tests.render_dev.serving",
    "tests.shared.s3_server",
}
FIXTURES = {"cell_of", "context", "driver", "idle_stream", "prefect_server", "scripted", "served", "server"}


def starts_servers(names: dict[str, Any], fixtures: Iterable[str]) -> bool:
    """Whether a test does, by the names of its module and of the fixtures it takes."""
    imported = {getattr(value, "__module__", None) for value in names.values()}
    return bool(imported & STARTERS or FIXTURES.intersection(fixtures))
