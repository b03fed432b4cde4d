"""Checks how many rejected rows a run allows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from shared.run.errors import TerminalError

SHOWN_LENGTH = 80  # characters of a value in a message


def check_limit(max_rejects: str, staged: dict[str, Any], rejects_url: str, *, redact: bool) -> None:
    """Fail if more rows were rejected than the run allows.

    Args:
        max_rejects: The limit, a count or a share.
        staged: The facts of the staging.
        rejects_url: The address of the file with the rejects, for the message.
        redact: Whether to leave values out of the message.

    Raises:
        TerminalError: The message names the first five rows and the file with all of them.
    """
    rejects, rows = staged["rejects"], staged["records"]
    if rejects <= allowed_rejects(max_rejects, rows):
        return
    shown = "\n".join(f"  {_sentence(reject, redact=redact)}" for reject in staged["first_rejects"])
    raise TerminalError(
        f"{'' if staged['complete'] else 'at least '}{rejects:,} of {rows:,} rows cannot be used, max_rejects is "
        f"{max_rejects}; the first:\n{shown}\n{'All' if staged['complete'] else 'Many'} of them: "
        f"{rejects_url}\nFix the input files, or allow some by max_rejects."
    )


def allowed_rejects(limit: str, rows: int) -> int:
    """Return the number of rows that a limit like ``10`` or ``0.5%`` allows out of ``rows``."""
    return int(Fraction(limit[:-1]) * rows / 100) if limit.endswith("%") else int(limit)


def _sentence(reject: dict[str, Any], *, redact: bool) -> str:
    value = reject["value"] if len(reject["value"]) <= SHOWN_LENGTH else reject["value"][:SHOWN_LENGTH] + "…"
    shown = "" if redact else f" {value!r}"
    column = f", column {reject['column']}:" if reject["column"] else ":"
    return f"{reject['file']} line {reject['line']}{column}{shown} {reject['reason']}"
