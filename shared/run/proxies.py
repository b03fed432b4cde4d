"""HTTP settings of the environment: requests to this machine use no proxy, and unusable settings are reported."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterator

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
CERTIFICATES, PROXIES = "SSL_CERT_FILE", {"http_proxy", "https_proxy", "all_proxy"}
EXCEPTIONS = ("NO_PROXY", "no_proxy")  # clients prefer different ones


def bypass_proxies() -> None:
    """Exclude this machine from the environment's proxies, for this process and those that it starts.

    Without a proxy nothing is set, because on macOS a variable hides the system's proxies.
    """
    if not any(name.lower().endswith("_proxy") and name not in EXCEPTIONS for name in os.environ):
        return
    listed = [each.strip() for name in EXCEPTIONS for each in os.environ.get(name, "").split(",")]
    wanted = ",".join(dict.fromkeys([*filter(None, listed), *THIS_MACHINE]))
    os.environ |= dict.fromkeys(EXCEPTIONS, wanted)


@contextmanager
def usable(certificates: str = CERTIFICATES) -> Iterator[None]:
    """Report unusable certificates and proxies while the block makes a client of httpx.

    Args:
        certificates: The variable that names the certificates.

    Raises:
        TerminalError: A certificate file or proxy cannot be used; the message names the variable, without a proxy's
            password.
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
