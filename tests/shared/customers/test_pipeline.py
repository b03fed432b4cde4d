"""The customer merge's own parameters."""

from __future__ import annotations

import pytest

from shared.run.errors import TerminalError
from shared.run.job import CUSTOMERS
from shared.run.loading import load_pipeline
from shared.run.new_job import make_job
from shared.run.parameters import parse

pipeline = load_pipeline(CUSTOMERS)


@pytest.mark.parametrize("limit", ["0", "10", "0.5%", "100%", "7%"])
def test_a_limit_is_a_count_or_a_share(limit: str) -> None:
    """As text; a number that came as one is the same count."""
    assert parse(pipeline, {"max_rejects": limit}).max_rejects == limit
    assert parse(pipeline, {"max_rejects": 10}).max_rejects == "10"


@pytest.mark.parametrize("limit", ["-1", "1.5", "%", "", "a", "1 %", "9" * 5_000, -1, 1.5])
def test_another_limit_is_refused(limit: object) -> None:
    """The message has the value, cut, and examples."""
    with pytest.raises(TerminalError) as caught:
        parse(pipeline, {"max_rejects": limit})
    wanted = f"max_rejects is {str(limit)!r:.80}; it must be a count like '10' or a share like '0.5%'"
    assert str(caught.value) == wanted


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SHARDWISE_REDACT", "2", "SHARDWISE_REDACT is '2'; it must be true or false"),
        ("SHARDWISE_MAX_REJECTS", "few", "max_rejects is 'few'; it must be a count like '10'"),
    ],
)
def test_a_variable_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    """It is refused like an option."""
    monkeypatch.setenv(name, value)
    with pytest.raises(TerminalError, match=message):
        make_job()
