"""Paths and URLs of jobs."""

from __future__ import annotations

from pathlib import Path

DATA_NAMED = "with data_url, --data or SHARDWISE_DATA_URL"  # where errors say that it is set
STORE_NAMED = "with store_url, --store or SHARDWISE_STORE_URL"


def absolute(url: str) -> str:
    """Make a local path absolute, without ``file://``; URLs and blank texts stay unchanged."""
    if not url.strip() or ("://" in url and not url.startswith("file://")):
        return url.rstrip("/")
    return str(Path(url.removeprefix("file://")).expanduser().resolve())


def is_local(url: str) -> bool:
    """Whether a job's URL is a local path."""
    return "://" not in url
