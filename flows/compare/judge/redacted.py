"""Takes out of observations what a pipeline, its data or its processes wrote; verdicts follow from what is left."""

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
    """The same observation: of an error the kind and which fault it tells of, of a difference only where it is."""
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
    """A comparison that was recorded elsewhere, with no more than that; its verdicts are derived from it."""
    return judged_again(comparison.model_copy(update={"cells": tuple(map(redacted, comparison.cells))}))


def _start(start: Start) -> Start:
    """The words about a process that gave no answer are ours."""
    return start.model_copy(update={"error": _told(start.error)}) if start.answered else start


def _attempt(attempt: Attempt) -> Attempt:
    end = attempt.end
    return replace(attempt, end=replace(end, error=_told(end.error))) if end else attempt


def _told(error: str) -> str:
    """``ValueError: (hidden)``; what tells of a planned fault stays."""
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
    """The values of its parameters hidden, as a shell reads them."""
    words = shlex.split(command)
    hidden = [
        f"{word.partition('=')[0]}={HIDDEN}" if before == "--param" else word for before, word in pairwise(["", *words])
    ]
    return shlex.join(hidden) if hidden != words else command
