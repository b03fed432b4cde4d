"""What a person chose for a comparison: data, policy, prices, other comparisons; and the same as options again."""

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
    """The options that make the policy; None is the policy's own.

    Attributes:
        retries: After the first attempt.
        wait: Seconds before the first retry.
        factor: Of each further wait.
        timeout: Seconds of one attempt.
        wait_scale: Multiplies the waits.
    """

    retries: int | None = None
    wait: float | None = None
    factor: float | None = None
    timeout: float | None = None
    wait_scale: float = 1.0

    def policy(self) -> RetryPolicy:
        """The policy of the steps, its waits scaled."""
        own = {
            "max_retries": self.retries,
            "first_wait": self.wait,
            "wait_factor": self.factor,
            "shard_timeout": self.timeout,
        }
        given: dict[str, Any] = {name: value for name, value in own.items() if value is not None}
        return RetryPolicy.of(replace(Settings.read(), wait_scale=self.wait_scale, **given))

    def environment(self, timeout: float | None) -> dict[str, str]:
        """The policy for processes that make attempts; a cell may have a timeout of its own, in seconds."""
        policy = self.policy()
        return {
            "SHARDWISE_MAX_RETRIES": str(policy.max_retries),
            "SHARDWISE_FIRST_WAIT": f"{policy.first_wait.total_seconds():.6g}",
            "SHARDWISE_WAIT_FACTOR": f"{policy.factor:g}",
            "SHARDWISE_SHARD_TIMEOUT": f"{timeout or policy.timeout.total_seconds():g}",
        }


@dataclass(frozen=True)
class LimitOptions:
    """How long a cell may take, in seconds; None derives it from a run without faults.

    Attributes:
        hang_timeout: One attempt, where one never ends by itself.
        deadline: A run, waits not counted, before it counts as stuck.
    """

    hang_timeout: float | None = None
    deadline: float | None = None


@dataclass(frozen=True)
class Options:
    """The options of ``shardwise compare`` that say over what and under which policy it runs.

    Attributes:
        repeat: Runs of each cell whose times are printed.
        pipeline: What runs, as ``module:object``.
        params: Parameters of the pipeline, as ``key=value``.
        data: Folder of the data; None takes the settings'.
        shards: Of each run, where a scenario does not say otherwise.
        retry: What makes the policy.
        limits: How long a cell may take.
        prices: A file; None takes the engines' own.
        beside: Comparisons that were recorded elsewhere.
        against: An earlier comparison.
        whole: Whether cells run, too, that tell what another column's cell tells.
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
        """Read all files before the first cell, so that a wrong one is reported at once.

        Raises:
            TerminalError: Naming the option, the file and what is wrong with it.
        """
        from flows.compare.judge.recorded import read_recorded  # every command would import pydantic

        if self.prices:
            read_prices(self.prices)
        for path in self.beside:
            read_recorded(path, "--with")
        if self.against:
            read_recorded(self.against, "--against")

    def to_arguments(self) -> str:
        """The options that matter for running one cell again, as a shell reads them."""
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
