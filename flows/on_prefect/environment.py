"""What every process of ours that talks to Prefect wants, unless its environment says otherwise."""

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
    # Prefect's own 20 s are short for a first start on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}


def set_defaults() -> None:
    """Set what this process's environment does not say; before Prefect is imported, which reads it once."""
    for name, value in PREFECT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def explained_settings() -> Iterator[None]:
    """Say in one sentence which of Prefect's settings is wrong: Prefect reads them when this block imports it.

    Raises:
        TerminalError: Naming the setting, its value and what it must be.
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
