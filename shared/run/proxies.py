"""What the environment says of HTTP: requests to this machine go through no proxy; what cannot be used is named."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterator

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
CERTIFICATES, PROXIES = "SSL_CERT_FILE", {"http_proxy", "https_proxy", "all_proxy"}
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


@contextmanager
def usable(certificates: str = CERTIFICATES) -> Iterator[None]:
    """Make a client of httpx in the block, which reads certificates and proxies.

    Args:
        certificates: The variable that names the certificates.

    Raises:
        TerminalError: One of them cannot be used; with the variable's name, and without a proxy's password.
    """
    import httpx

    try:
        yield
    except OSError as error:
        raise TerminalError(
            f"the certificates in {os.environ.get(certificates)}, which {certificates} names, cannot be read: "
            f"{error.strerror or error}"
        ) from error
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        named = sorted(name for name in os.environ if name.lower() in PROXIES)
        raise TerminalError(f"the proxy that {' or '.join(named)} names cannot be used: {error}") from error
