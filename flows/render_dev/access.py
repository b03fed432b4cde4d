"""Who may use the interface: programs on this machine, and no page that a browser here happens to show.

The server has no password, so a page could start tasks by a form or a script, and read logs over a WebSocket. A
browser says in `Origin` and `Sec-Fetch-Site` where a request comes from, sends JSON across origins only after asking,
and a page whose own name was made to lead to this machine still has that name in `Host`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
FROM_ANOTHER_SITE = {"cross-site", "same-site"}  # another port of this machine is the same site, and not us


@web.middleware
async def local_programs_only(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 — aiohttp's handler
    """Refuse what a page could send, before any route is looked at."""
    if reason := _foreign(request):
        return web.json_response({"message": reason}, status=403)
    if request.method == "POST" and request.content_type != "application/json":
        message = f"Content-Type is {request.content_type}; it must be application/json"
        return web.json_response({"message": message}, status=415)
    response: web.StreamResponse = await handler(request)
    return response


def _foreign(request: web.Request) -> str:
    """Why a request does not come from a program on this machine; empty when it does."""
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
