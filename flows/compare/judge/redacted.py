"""Removes from observations what a pipeline, its data or its processes wrote; verdicts use the rest."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from flows.compare.judge.firing import TOLD
from flows.compare.judge.judgement import judged_again
from flows.compare.record.observed import Observation

if TYPE_CHECKING:
    from flows.compare.record.comparison import Comparison
    from flows.compare.record.observed import Published, Start
    from shared.run.attempts import Attempt

HIDDEN = "(hidden)"
SIGNS = sorted({word for words in TOLD.values() for word in words})
_KIND = re.compile(r"[A-Za-z_][\w.]*(?=: |$)")
_OF_RECORD = re.compile(r"(?<= differs: )(?:the record .*|(.*?) of .*)", re.DOTALL)
_NUMBERS = re.compile(r" is .*, expected .*", re.DOTALL)
_RAISED = re.compile(r"(?<=^verify raised )(\w+): .*", re.DOTALL)

Seen = TypeVar("Seen", bound=Observation)


def redacted(seen: Seen) -> Seen:
    """Return the observation with only the kind of each error and fault, and only the place of each difference."""
    return seen.model_copy(
        update={
            "starts": tuple(map(_start, seen.starts)),
            "attempts": tuple(map(_attempt, seen.attempts)),
            "store": _store(seen.store),
            "command": _command(seen.command),
            "log": seen.log and HIDDEN,
            "failure": seen.failure and _told(seen.failure),
        }
    )


def redacted_again(comparison: Comparison) -> Comparison:
    """Return a recorded comparison with the same removed; its verdicts are derived from the rest."""
    return judged_again(comparison.model_copy(update={"cells": tuple(map(redacted, comparison.cells))}))


def _start(start: Start) -> Start:
    """Keep the message about a process without an answer, which is ours."""
    return start.model_copy(update={"error": _told(start.error)}) if start.answered else start


def _attempt(attempt: Attempt) -> Attempt:
    end = attempt.end
    return replace(attempt, end=replace(end, error=_told(end.error))) if end else attempt


def _told(error: str) -> str:
    """Return ``ValueError: (hidden)``; messages of planned faults are kept."""
    if not error:
        return ""
    kind, signs = _KIND.match(error), [sign for sign in SIGNS if sign in error]
    return ": ".join([*([kind.group()] if kind else []), ", ".join(signs) or HIDDEN])


def _store(store: Published) -> Published:
    return store.model_copy(
        update={
            "first_difference": _OF_RECORD.sub(_of_record, store.first_difference),
            "problems": (HIDDEN,) * len(store.problems),
            "unverified": _RAISED.sub(rf"\1: {HIDDEN}", store.unverified),
            **{
                name: tuple(_NUMBERS.sub(" differs", each) for each in getattr(store, name))
                for name in ("result", "beside", "answer")
            },
        }
    )


def _of_record(found: re.Match[str]) -> str:
    return f"{found[1]} of a record" if found[1] else "a record"


def _command(command: str) -> str:
    """Hide the values of parameters in a command."""
    words = shlex.split(command)
    hidden = [
        f"{word.partition('=')[0]}={HIDDEN}" if before == "--param" else word for before, word in pairwise(["", *words])
    ]
    return shlex.join(hidden) if hidden != words else command
