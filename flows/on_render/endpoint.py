"""Which Render to talk to: the local server or the cloud, as the environment says."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Self

from shared.run.errors import TerminalError

CLOUD = "https://api.render.com"
LOCAL = "http://localhost:8120"
TRUE = {"1", "t", "T", "true", "TRUE", "True"}  # what the SDK takes for yes
LOCAL_PATIENCE, CLOUD_PATIENCE = 4.0, 300.0  # a local server that is gone comes back without its runs


@dataclass(frozen=True)
class Endpoint:
    """A Render to talk to.

    Attributes:
        url: Without ``/v1``.
        local: Whether it is a local server: it reads this machine's files and needs no token.
        token: An API key, else empty.
        workflow: The name or the slug of a workflow on the cloud, else empty.
        patience: Seconds to repeat a request that gets no answer.
    """

    url: str
    local: bool = True
    token: str = field(default="", repr=False)
    workflow: str = ""
    patience: float = LOCAL_PATIENCE

    @classmethod
    def from_environment(cls) -> Self:
        """The local server that the environment asks for, else the cloud; a TerminalError when it says too little."""
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
        """What a task is called here."""
        return f"{self.workflow}/{task}" if self.workflow else task


def local_url() -> str | None:
    """The local server that the environment asks for, by the SDK's rules; None when it asks for none."""
    if url := os.environ.get("RENDER_LOCAL_DEV_URL"):
        return (url if "://" in url else f"http://{url}").rstrip("/")
    return LOCAL if os.environ.get("RENDER_USE_LOCAL_DEV") in TRUE else None


def cloud_url() -> str:
    """The cloud's address; RENDER_HOST names another one, as it does for Render's own command."""
    return os.environ.get("RENDER_HOST", CLOUD).rstrip("/").removesuffix("/v1")


def _misspelt() -> str:
    value = os.environ.get("RENDER_USE_LOCAL_DEV")
    return f" (RENDER_USE_LOCAL_DEV is {value!r}, which does not count as yes)" if value else ""
