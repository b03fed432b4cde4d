"""Sends requests to Render, repeats them while there is no answer, and translates errors.

The SDK's client is not used, because it takes half a second to import and cannot list a run's subtasks.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

from shared.run.errors import TerminalError, TransientError
from shared.run.proxies import usable

if TYPE_CHECKING:
    from datetime import datetime

    from flows.on_render.endpoint import Endpoint

FIRST_WAIT, GROWTH, LONGEST_WAIT = 0.25, 2.0, 15.0  # seconds between two tries of one request
REQUEST_SECONDS = 60  # a local server answers a start only after the app is imported
PASSING = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS}  # temporary refusals, in addition to 5xx
LONGEST_WINDOW = 3600  # seconds in which a server may count requests
SHOWN_CHARACTERS = 200


class LostError(TransientError):
    """Render did not answer, or gave an unusable answer; another request may succeed.

    Attributes:
        retry_after: Seconds that Render asks to wait before the next request; None if it does not say.
    """

    retry_after: float | None = None


class MissingError(TerminalError):
    """Render does not know the requested object."""


class Connection:
    """A client of one endpoint; close it after use."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Make it.

        Raises:
            TerminalError: A certificate file or a proxy of the environment cannot be used.
        """
        self._endpoint = endpoint
        with usable():
            self._http = httpx.Client(
                base_url=f"{endpoint.url}/v1",
                headers={"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {},
                timeout=REQUEST_SECONDS,
                trust_env=not endpoint.local,  # no proxy for requests to this machine
                verify=endpoint.url.startswith("https:"),  # reading certificates takes 20 ms
            )

    def close(self) -> None:
        """Close its sockets."""
        self._http.close()

    def ask(self, method: str, path: str, *, repeat_for: float = 0.0, **more: Any) -> Any:  # noqa: ANN401 — any JSON
        """Return the JSON of Render's answer; None for an empty answer.

        Args:
            method: The method, such as ``GET``.
            path: The path below ``/v1``.
            repeat_for: Seconds to repeat a request without an answer; 0 for a request that must not be sent twice.
            more: Other arguments of httpx: ``params``, ``json``.

        Raises:
            MissingError: Render answers 404.
            TerminalError: Render refuses the key or the request.
            LostError: There is no answer within that time, or Render has an internal error.
        """
        started, wait, tries = time.monotonic(), FIRST_WAIT, 1
        while True:
            try:
                return self._once(method, path, **more)
            except LostError as error:
                pause = max(wait, error.retry_after or 0)
                waited = time.monotonic() - started
                if waited + pause > repeat_for:
                    if tries == 1:
                        raise
                    raise LostError(f"{error}; given up after {tries} requests in {waited:.1f} s") from error
            time.sleep(pause)
            wait, tries = min(wait * GROWTH, LONGEST_WAIT), tries + 1

    def _once(self, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401 — the same
        try:
            answer = self._http.request(method, path, **more)
        except httpx.ConnectError as error:
            raise LostError(self._unreachable(error)) from error
        except httpx.HTTPError as error:
            raise LostError(f"{self._endpoint.url} does not answer: {type(error).__name__}: {error}") from error
        if not answer.is_success:
            raise _refusal(answer)
        try:
            return answer.json() if answer.content else None
        except ValueError as error:
            text = answer.text.strip()[:SHOWN_CHARACTERS]
            raise LostError(f"{self._endpoint.url} answers something that is not JSON: {text!r}") from error

    def _unreachable(self, error: httpx.ConnectError) -> str:
        if self._endpoint.local:
            return (
                f"no Render server answers at {self._endpoint.url}; start one with `shardwise render-dev`, or name "
                "another one in RENDER_LOCAL_DEV_URL"
            )
        return f"{self._endpoint.url} cannot be reached ({error}); is there a network, or does it need HTTPS_PROXY?"


def _refusal(answer: httpx.Response) -> TerminalError | LostError:
    status, message = answer.status_code, _message(answer)
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return TerminalError(f"Render refuses the key in RENDER_API_KEY: {message}")
    if status == httpx.codes.NOT_FOUND:
        return MissingError(f"Render answers 404: {message}")
    if status not in PASSING and not answer.is_server_error:
        return TerminalError(f"Render answers {status}: {message}")
    wait = _retry_after(answer)
    lost = LostError(f"Render answers {status}: {message}" + ("" if wait is None else f" (it asks to wait {wait:g} s)"))
    lost.retry_after = wait
    return lost


def _retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds to wait from the answer's header; a date is compared with the server's clock."""
    text = answer.headers.get("Retry-After", "")
    if not text and answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        text = answer.headers.get("Ratelimit-Reset", "")
        text = text if text.isdecimal() and int(text) <= LONGEST_WINDOW else ""  # otherwise it is a date
    if text.isdecimal():
        return float(text)
    until, now = _date(text), _date(answer.headers.get("Date", ""))
    return max(0.0, (until - now).total_seconds()) if until and now else None


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])[:SHOWN_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()[:SHOWN_CHARACTERS]
