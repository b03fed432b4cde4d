"""The Prefect server that this process talks to, as Prefect's own settings name it: variable, profile, prefect.toml."""

from __future__ import annotations

from prefect.settings import get_current_settings

from shared.run.errors import TerminalError, TransientError

START = "start one by `prefect server start`"
UNSET = f"Prefect's settings name no server: set PREFECT_API_URL, such as http://127.0.0.1:4200/api, or {START}"


def api_url() -> str | None:
    """The address of its API; None where Prefect starts a temporary server.

    Raises:
        TerminalError: Neither is set, nor is a temporary one allowed.
    """
    settings = get_current_settings()
    if settings.api.url is None and not settings.server.ephemeral.enabled:
        raise TerminalError(f"{UNSET}; a temporary one is not allowed (PREFECT_SERVER_ALLOW_EPHEMERAL_MODE is false)")
    return settings.api.url


def required_url() -> str:
    """The address of its API; a TerminalError where none is set."""
    if (url := api_url()) is None:
        raise TerminalError(UNSET)
    return url


def unreachable() -> TransientError:
    """What to say when the server does not answer."""
    if (url := api_url()) is None:
        return TransientError(f"Prefect's temporary server did not answer; {START} and set PREFECT_API_URL")
    hint = "" if url.rstrip("/").endswith("/api") else f"; Prefect's API is usually at {url.rstrip('/')}/api"
    return TransientError(
        f"no Prefect API answers at {url}, which Prefect's settings name (PREFECT_API_URL){hint}; "
        f"{START}, or unset it to run on a temporary one"
    )
