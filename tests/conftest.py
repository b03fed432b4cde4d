"""What all tests share: drawn examples are the same on every run, and leave no database behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings

from flows.compare.columns import COLUMNS

if TYPE_CHECKING:
    import pytest

SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

# A failure shows the example as it was drawn: making one of a whole run smaller takes minutes.
settings.register_profile(
    "steady",
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=SLOW_IS_FINE,
)
# pytest --hypothesis-profile=explore: other examples every time, made small, for a machine with time to spare
settings.register_profile("explore", deadline=None, database=None, suppress_health_check=SLOW_IS_FINE)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--engines local,render``: compare only these."""
    parser.addoption("--engines", default=",".join(COLUMNS), help="columns of the comparison that its tests run")
