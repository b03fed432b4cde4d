"""The user's options of a comparison: data, policy, prices and other comparisons."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from flows.engine.pricing import read_prices
from shared.run.job import CUSTOMERS
from shared.run.policy import RetryPolicy
from shared.run.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class RetryOptions:
    """The options of the policy; None keeps the policy's value.

    Attributes:
        retries: Retries after the first attempt.
        wait: Seconds before the first retry.
        factor: The factor of each further wait.
        timeout: The timeout of one attempt in seconds.
        wait_scale: Multiplies the waits.
    """

    retries: int | None = None
    wait: float | None = None
    factor: float | None = None
    timeout: float | None = None
    wait_scale: float = 1.0

    def policy(self) -> RetryPolicy:
        """Return the policy of the steps, with scaled waits."""
        own = {
            "max_retries": self.retries,
            "first_wait": self.wait,
            "wait_factor": self.factor,
            "shard_timeout": self.timeout,
        }
        given: dict[str, Any] = {name: value for name, value in own.items() if value is not None}
        return RetryPolicy.of(replace(Settings.read(), wait_scale=self.wait_scale, **given))

    def environment(self, timeout: float | None) -> dict[str, str]:
        """Return the policy as variables for processes that make attempts; a cell may set its own timeout (s)."""
        policy = self.policy()
        return {
            "SHARDWISE_MAX_RETRIES": str(policy.max_retries),
            "SHARDWISE_FIRST_WAIT": f"{policy.first_wait.total_seconds():.6g}",
            "SHARDWISE_WAIT_FACTOR": f"{policy.factor:g}",
            "SHARDWISE_SHARD_TIMEOUT": f"{timeout or policy.timeout.total_seconds():g}",
        }


@dataclass(frozen=True)
class LimitOptions:
    """The limits of a cell in seconds; None derives them from a run without faults.

    Attributes:
        hang_timeout: The timeout of an attempt if one never ends by itself.
        deadline: The deadline of a run, waits not counted, after which it counts as stuck.
    """

    hang_timeout: float | None = None
    deadline: float | None = None


@dataclass(frozen=True)
class Options:
    """The options of ``shardwise compare`` about data and policy.

    Attributes:
        repeat: The number of repetitions of each cell with reported timings.
        pipeline: The pipeline, as ``module:object``.
        params: Parameters of the pipeline, as ``key=value``.
        data: The data folder; None uses the settings'.
        shards: The number of shards, unless a scenario sets it.
        retry: The policy's options.
        limits: The limits of a cell.
        prices: A price file; None uses the engines' prices.
        beside: Recorded comparisons to show.
        against: An earlier comparison.
        whole: Whether to run redundant cells, too.
        redact: Whether values and messages of the pipeline stay out of the report.
    """

    repeat: int = 1
    pipeline: str = CUSTOMERS
    params: tuple[str, ...] = ()
    data: str | None = None
    shards: int = 10
    retry: RetryOptions = RetryOptions()
    limits: LimitOptions = LimitOptions()
    prices: Path | None = None
    beside: tuple[Path, ...] = ()
    against: Path | None = None
    whole: bool = True
    redact: bool = False

    def check(self) -> None:
        """Read all files before the first cell, so that an error is reported at once.

        Raises:
            TerminalError: An option's file is invalid; the message names option, file and problem.
        """
        from flows.compare.judge.recorded import read_recorded  # every command would import pydantic

        if self.prices:
            read_prices(self.prices)
        for path in self.beside:
            read_recorded(path, "--with")
        if self.against:
            read_recorded(self.against, "--against")

    def to_arguments(self) -> str:
        """Return the options that are needed to run one cell again, as a shell reads them."""
        given = {
            "pipeline": None if self.pipeline == CUSTOMERS else self.pipeline,
            "data": self.data,
            "shards": None if self.shards == Options.shards else self.shards,
            **asdict(self.retry),
            "wait_scale": None if self.retry.wait_scale == 1 else self.retry.wait_scale,
            **asdict(self.limits),
        }
        parameters = "".join(f" --param {shlex.quote(each)}" for each in self.params)
        others = "".join(
            f" --{name.replace('_', '-')} {shlex.quote(f'{_text(value)}')}"
            for name, value in given.items()
            if value is not None
        )
        return parameters + others + " --redact" * self.redact


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
