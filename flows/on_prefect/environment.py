"""Defaults for every process that uses Prefect."""

from __future__ import annotations

import os
import tomllib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFECT_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Prefect's default of 20 s is too short for a first start on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}


def set_defaults() -> None:
    """Set defaults for missing variables. Call this before Prefect is imported, which reads them once."""
    for name, value in PREFECT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def explained_settings() -> Iterator[None]:
    """Report which of Prefect's settings is wrong, in one sentence; Prefect reads them when this block imports it.

    Raises:
        TerminalError: A setting is invalid; the message names it, its value and valid values.
    """
    from pydantic import ValidationError

    try:
        yield
    except tomllib.TOMLDecodeError as error:
        raise TerminalError(f"Prefect's profiles.toml or prefect.toml cannot be read: {error}") from error
    except ValidationError as error:
        if not error.title.endswith("Settings"):
            raise
        wrong = error.errors()[0]
        name = ".".join(map(str, wrong["loc"]))
        raise TerminalError(
            f"Prefect's setting {name} ({error.title}) is {wrong['input']!r:.80}: {wrong['msg']}; "
            "it comes from a PREFECT_ variable, a profile or prefect.toml"
        ) from error
