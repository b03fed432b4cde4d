"""Finds the Prefect server of this process from Prefect's settings: variable, profile, prefect.toml."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.settings import get_current_settings

from shared.run.errors import TerminalError, TransientError
from shared.run.proxies import CERTIFICATES, usable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.orchestration import SyncPrefectClient

START = "start one with `prefect server start`"
UNSET = f"Prefect's settings name no server: set PREFECT_API_URL, such as http://127.0.0.1:4200/api, or {START}"


def api_url() -> str | None:
    """Return the address of its API; None if a temporary server may be started.

    Raises:
        TerminalError: No server is set, and a temporary one is not allowed.
    """
    settings = get_current_settings()
    if settings.api.url is None and not settings.server.ephemeral.enabled:
        raise TerminalError(f"{UNSET}; a temporary one is not allowed (PREFECT_SERVER_ALLOW_EPHEMERAL_MODE is false)")
    return settings.api.url


def required_url() -> str:
    """Return the address of its API; a TerminalError if none is set."""
    if (url := api_url()) is None:
        raise TerminalError(UNSET)
    return url


def check() -> None:
    """Request the server's version, so that an unusable server is reported before any work.

    Raises:
        TransientError: It does not answer.
        TerminalError: It requires a password, or a proxy or certificates of the environment cannot be used.
    """
    with explained(), client() as opened:
        opened.api_version()


def client() -> SyncPrefectClient:
    """Return a client of the server; a TerminalError if the environment prevents any client."""
    own = "PREFECT_API_SSL_CERT_FILE"
    with usable(own if own in os.environ else CERTIFICATES):
        return get_client(sync_client=True)


@contextmanager
def explained() -> Iterator[None]:
    """Explain in one sentence why requests in this block fail."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.UNAUTHORIZED:
            raise TransientError(f"the Prefect server at {api_url()} answers {error.response.status_code}") from error
        raise TerminalError(
            f"the Prefect server at {api_url()} does not let this client in (401): set PREFECT_API_AUTH_STRING to the "
            "user:password of the server's PREFECT_SERVER_API_AUTH_STRING, or PREFECT_API_KEY on Prefect Cloud"
        ) from error
    except (httpx.HTTPError, PrefectException) as error:
        raise unreachable() from error


def unreachable() -> TransientError:
    """Return the message for a server that does not answer."""
    url = str(api_url())
    hint = "" if url.rstrip("/").endswith("/api") else f"; Prefect's API is usually at {url.rstrip('/')}/api"
    return TransientError(
        f"no Prefect API answers at {url}, which Prefect's settings name (PREFECT_API_URL){hint}; "
        f"{START}, or unset it to run on a temporary one"
    )
