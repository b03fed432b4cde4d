"""The smallest pipeline that there can be, and how tests run it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shared.run.pipeline import setting
from tests.shared.runs import Json, new_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from shared.run.job import Job
    from shared.run.pipeline import Context


@dataclass(frozen=True)
class Parameters:
    """One of each kind, and one that decides nothing over the data."""

    text: str = "a"
    whole: int = 1
    number: float = 0.5
    switch: bool = False
    limit: int = setting(0, "SMALL_LIMIT")

    def __post_init__(self) -> None:
        """Refuse a negative limit, as a team would write it."""
        if self.limit < 0:
            raise ValueError("a limit is never negative")


class Small:
    """Each shard writes its number; the result is how many did."""

    name = "small"
    version = 1
    suffix = ".txt"
    parameters = Parameters

    def process_shard(self, context: Context, shard_id: int, path: Path) -> Any:
        """Write the shard's number and the text of the parameters."""
        path.write_text(f"{shard_id} {context.parameters.text}\n")
        return {"shard": shard_id}

    def aggregate(self, context: Context, shards: list[Json]) -> Any:
        """Count the shards."""
        return {"shards": len(shards), "limit": context.parameters.limit}


pipeline = Small()


def allow(monkeypatch: pytest.MonkeyPatch, *references: str) -> None:
    """Let this process import these pipelines and no other."""
    monkeypatch.setenv("SHARDWISE_PIPELINES", ",".join(references))


def small_job(
    folder: Path, monkeypatch: pytest.MonkeyPatch, parameters: Json | None = None, **members: Callable[..., Any]
) -> Job:
    """A job of three shards of the smallest pipeline, some of whose members are others."""
    for name, member in members.items():
        monkeypatch.setattr(Small, name, member, raising=False)
    reference = f"{__name__}:pipeline"
    allow(monkeypatch, reference)
    job = new_job(folder / "data", folder / "store", pipeline=reference)
    if not (folder / "data").exists():
        (folder / "data").mkdir()
        (folder / "data" / "any.txt").write_text("any")
    return replace(job, parameters=parameters or {})
