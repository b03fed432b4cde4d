"""Requests to this machine go through no proxy, whichever client of HTTP makes them."""

from __future__ import annotations

import os

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
EXCEPTIONS = ("NO_PROXY", "no_proxy")  # clients differ in which one they prefer


def bypass_proxies() -> None:
    """Except this machine from the proxies of the environment, for this process and those that it starts.

    Without any proxy nothing is set: on macOS a variable would hide the proxies of the system.
    """
    if not any(name.lower().endswith("_proxy") and name not in EXCEPTIONS for name in os.environ):
        return
    listed = [each.strip() for name in EXCEPTIONS for each in os.environ.get(name, "").split(",")]
    wanted = ",".join(dict.fromkeys([*filter(None, listed), *THIS_MACHINE]))
    os.environ |= dict.fromkeys(EXCEPTIONS, wanted)
