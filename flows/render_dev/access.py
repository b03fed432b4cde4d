"""Allows requests of programs on this machine, and refuses requests of web pages in a browser.

The server has no password, so a page could start tasks with a form or a script, and read logs over a WebSocket.
Browsers name the page in `Origin` and `Sec-Fetch-Site`, and ask before they send JSON to another origin. A page whose
domain resolves to this machine still has its domain in `Host`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
FROM_ANOTHER_SITE = {"cross-site", "same-site"}  # a page on another port of this machine counts as the same site


@web.middleware
async def local_programs_only(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 — aiohttp's handler
    """Refuse what a page could send, before any route is called."""
    if reason := _foreign(request):
        return web.json_response({"message": reason}, status=403)
    if request.method == "POST" and request.content_type != "application/json":
        message = f"Content-Type is {request.content_type}; it must be application/json"
        return web.json_response({"message": message}, status=415)
    response: web.StreamResponse = await handler(request)
    return response


def _foreign(request: web.Request) -> str:
    """Return why a request does not come from a program on this machine; empty if it does."""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if _name(f"//{host}") not in LOOPBACK:
        return f"Host is {host!r:.80}; this server answers to localhost and 127.0.0.1 only"
    if origin is not None and origin != f"http://{host}":
        return f"Origin is {origin!r:.80}; this server answers programs, not pages of other origins"
    if request.headers.get("Sec-Fetch-Site") in FROM_ANOTHER_SITE:
        return "a page of another origin asks; this server answers programs"
    return ""


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
