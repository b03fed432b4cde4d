"""Where a run's result differs from another's: every field of it, not its digest alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

OF_THE_RUN = {"run_id", "engine", "output"}  # what names a run, and not what it found
OF_AN_ATTEMPT = {"elapsed_ms", "attempt", "invocation"}  # in the timings of its shards
_ABSENT = object()


def result_differences(result: Json, wanted: Json, varying: frozenset[str] = frozenset()) -> list[str]:
    """The fields in which a result differs from that of an undisturbed run, with values where they are numbers.

    Args:
        result: Of a run.
        wanted: Of another run over the same data.
        varying: Fields that differ between undisturbed runs, too.
    """
    ignored = OF_THE_RUN | varying
    here, there = ({key: each for key, each in _plain(one).items() if key not in ignored} for one in (result, wanted))
    for one in (here, there):
        if "shard_timings" in one:
            one["shard_timings"] = [_without_times(timing) for timing in one["shard_timings"]]
    return list(_differences("", here, there))


def varying_fields(first: Json, second: Json) -> frozenset[str]:
    """The fields of the result, without what is below them, in which two undisturbed runs over the same data differ."""
    found = result_differences(first, second)
    return frozenset(re.split(r"[.\[ ]", each, maxsplit=1)[0] for each in found)


def answer_differences(answer: Json, published: Json | None) -> list[str]:
    """Where what a caller was answered is not what the store holds; a caller's answer may hold less than all fields."""
    if published is None:
        return ["no result is published"]
    return list(_differences("", _plain(answer), _plain(published)))


def _plain(value: Json) -> Json:
    """As JSON has it, after a way through an engine."""
    plain: Json = json.loads(json.dumps(value, default=str))
    return plain


def _without_times(timing: Json) -> Json:
    return {key: value for key, value in timing.items() if key not in OF_AN_ATTEMPT}


def _differences(path: str, here: object, there: object) -> Iterator[str]:
    if isinstance(here, dict) and isinstance(there, dict):
        for key in sorted(here.keys() | there.keys()):
            yield from _differences(f"{path}.{key}".lstrip("."), here.get(key, _ABSENT), there.get(key, _ABSENT))
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for number, (one, other) in enumerate(zip(here, there, strict=True)):
            yield from _differences(f"{path}[{number}]", one, other)
    elif here != there or isinstance(here, bool) is not isinstance(there, bool):
        yield f"{path or 'the result'} {_said(here, there)}"


def _said(here: object, there: object) -> str:
    if here is _ABSENT or there is _ABSENT:
        return "is missing" if here is _ABSENT else "should not be there"
    if all(isinstance(value, int | float) for value in (here, there)):
        return f"is {here}, expected {there}"
    return "differs"
