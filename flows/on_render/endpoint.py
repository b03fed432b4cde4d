"""Decides between local server and cloud, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Self

from shared.run.errors import TerminalError

CLOUD = "https://api.render.com"
LOCAL = "http://localhost:8120"
TRUE = {"1", "t", "T", "true", "TRUE", "True"}  # values that the SDK accepts as yes
LOCAL_PATIENCE, CLOUD_PATIENCE = 4.0, 300.0  # short for a local server, which loses its runs when it restarts


@dataclass(frozen=True)
class Endpoint:
    """A Render server to talk to.

    Attributes:
        url: The address without ``/v1``.
        local: Whether it is a local server, which reads this machine's files and needs no token.
        token: The API key, or empty.
        workflow: The name or the slug of a workflow on the cloud, or empty.
        patience: Seconds to repeat a request without an answer.
    """

    url: str
    local: bool = True
    token: str = field(default="", repr=False)
    workflow: str = ""
    patience: float = LOCAL_PATIENCE

    @classmethod
    def from_environment(cls) -> Self:
        """Return the local server of the environment, else the cloud; a TerminalError if variables are missing."""
        key, slug = os.environ.get("RENDER_API_KEY", ""), os.environ.get("WORKFLOW_SLUG", "").strip("/")
        if url := local_url():
            return cls(url, token=key)
        if not key and not slug:
            raise TerminalError(
                "no Render is configured: set RENDER_USE_LOCAL_DEV=true for a local server (`shardwise render-dev` "
                "starts one), or RENDER_API_KEY and WORKFLOW_SLUG for the cloud" + _misspelt()
            )
        if not key:
            raise TerminalError("RENDER_API_KEY is missing; make a key in Render's dashboard, under Account Settings")
        if not slug:
            raise TerminalError("WORKFLOW_SLUG is missing; set it to the workflow's slug in Render's dashboard")
        return cls(cloud_url(), local=False, token=key, workflow=slug, patience=CLOUD_PATIENCE)

    def slug(self, task: str) -> str:
        """Return the name of a task for this endpoint."""
        return f"{self.workflow}/{task}" if self.workflow else task


def local_url() -> str | None:
    """Return the local server of the environment, by the SDK's rules; None without one."""
    if url := os.environ.get("RENDER_LOCAL_DEV_URL"):
        return (url if "://" in url else f"http://{url}").rstrip("/")
    return LOCAL if os.environ.get("RENDER_USE_LOCAL_DEV") in TRUE else None


def cloud_url() -> str:
    """Return the cloud's address; RENDER_HOST overrides it, as for Render's own command."""
    return os.environ.get("RENDER_HOST", CLOUD).rstrip("/").removesuffix("/v1")


def _misspelt() -> str:
    value = os.environ.get("RENDER_USE_LOCAL_DEV")
    return f" (RENDER_USE_LOCAL_DEV is {value!r}, which does not count as yes)" if value else ""
