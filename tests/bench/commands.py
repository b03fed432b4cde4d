"""What the bench runs: our command, modules of its own, and the data they work on, all below ``.bench``."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.bench.measure import measure
from tests.command import SHARDWISE

HOME = Path(".bench").absolute()
STORE = HOME / "store"
SIZES = {"1K": 1_000, "100K": 100_000, "1M": 1_000_000, "10M": 10_000_000}


def run(engine: str, size: str, shards: int, *options: str) -> list[str]:
    """A run into an empty store, so that nothing is reused; take it just before it is measured."""
    chosen = ["--engine", engine, *options]
    return [SHARDWISE, "run", "--json", *chosen, *_of_job(size, shards)]


def trigger(size: str, shards: int) -> list[str]:
    """The same, by the client of a Render server."""
    return [SHARDWISE, "trigger", "--json", *_of_job(size, shards)]


def module(name: str, *arguments: str) -> list[str]:
    """A module of the bench as a process."""
    return [sys.executable, "-m", f"tests.bench.{name}", *arguments]


def data(size: str) -> Path:
    """The seeded data of a size, made once."""
    folder = HOME / "data" / size
    if not (folder / "support.csv").exists():
        customers = ["--customers", str(SIZES[size]), "--seed", "1", "--as-of", "2026-01-31"]
        measure([SHARDWISE, "generate", *customers, "--out", str(folder)])
    return folder


def emptied_store() -> str:
    """Where runs live, with nothing in it; no run waits for the disk to be done with deleting the one before."""
    shutil.rmtree(STORE, ignore_errors=True)
    os.sync()
    return str(STORE)


def _of_job(size: str, shards: int) -> list[str]:
    return ["--shards", str(shards), "--data", str(data(size)), "--store", emptied_store()]
