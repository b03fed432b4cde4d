"""Paths and URLs as jobs carry them."""

from __future__ import annotations

from pathlib import Path

DATA_NAMED = "by data_url, --data or SHARDWISE_DATA_URL"  # as errors say where it is set
STORE_NAMED = "by store_url, --store or SHARDWISE_STORE_URL"


def absolute(url: str) -> str:
    """A URL as it is; a local path without its ``file://``, made absolute; an empty or blank text stays as it is."""
    if not url.strip() or ("://" in url and not url.startswith("file://")):
        return url.rstrip("/")
    return str(Path(url.removeprefix("file://")).expanduser().resolve())


def is_local(url: str) -> bool:
    """Whether a job's URL is a path of this machine."""
    return "://" not in url
