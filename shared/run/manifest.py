"""The files that say what a start was opened with and what is committed; they are validated when they are read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from shared.run.errors import TerminalError
from shared.run.step_names import shard_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.run.checksum import Checksum
    from shared.run.inputs import Versions

Json = dict[str, Any]

_DIGEST = re.compile(r"v\d+:\d+:[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """A committed shard.

    Attributes:
        shard_id: The shard, from 0.
        part: The name of the committed file in the store.
        digest: The digest of its records, as text.
        facts: The facts that the pipeline returned.
        input_digest: The digest of its input data.
        staging: The content hash of its staging; None without a staging, or if version 0.2 staged.
        size: The size of the part in bytes; None if version 0.2 committed.
        blake3: The BLAKE3 of the part; None if version 0.2 committed.
        invocation: The start of the run that committed it, from 1.
        attempt: The attempt of that start, from 1.
        elapsed_ms: Milliseconds from the start of the work to the commit.
    """

    shard_id: int
    part: str
    digest: str
    facts: Json
    input_digest: str
    invocation: int
    attempt: int
    elapsed_ms: int
    staging: str | None = None
    size: int | None = None
    blake3: str | None = None

    def to_json(self) -> Json:
        """Return all fields as one JSON object."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, name: str, value: Json) -> Self:
        """Read a manifest's file.

        Args:
            name: The name of the file in the store, inside the run's folder.
            value: The file's content.

        Raises:
            TerminalError: Shardwise does not write such a value: the part is not one of this shard and run, or a field
                has the wrong type.
        """
        run, _, step = name.removesuffix(".json").rpartition("/manifests/")
        part = re.compile(rf"{re.escape(f'{run}/parts/{step}')}\.invocation-\d+\.attempt-\d+[^/]*")
        return cls(
            **_checked(
                name,
                value,
                {
                    "shard_id": lambda each: _is_whole(each) and shard_step(each) == step,
                    "part": lambda each: _is_like(part, each),
                    "digest": lambda each: _is_like(_DIGEST, each),
                    "facts": lambda each: isinstance(each, dict),
                    "input_digest": lambda each: isinstance(each, str),
                    "invocation": _is_whole,
                    "attempt": _is_whole,
                    "elapsed_ms": _is_whole,
                    "staging": _is_hash_or_none,
                    "size": lambda each: each is None or _is_whole(each),
                    "blake3": _is_hash_or_none,
                },
            )
        )

    def is_of(self, found: Checksum) -> bool:
        """Whether a file is the committed one; a commit of version 0.2 does not say, so any file is accepted."""
        return self.blake3 is None or (self.size, self.blake3) == (found.size, found.blake3)


@dataclass(frozen=True)
class StagingManifest:
    """A committed staging.

    Attributes:
        folder: The name of its folder in the store.
        facts: The facts that the pipeline's ``stage`` returned.
        content: A hash over its files and facts; None if version 0.2 staged.
    """

    folder: str
    facts: Json = field(default_factory=dict)
    content: str | None = None

    def to_json(self) -> Json:
        """Return all fields as one JSON object."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, name: str, value: Json) -> Self:
        """Read a staging's file; arguments and errors as for ``Manifest.from_json``."""
        folder = re.compile(rf"{re.escape(name.removesuffix('/staged.json'))}/files-[0-9a-f]{{16}}")
        return cls(
            **_checked(
                name,
                value,
                {
                    "folder": lambda each: _is_like(folder, each),
                    "facts": lambda each: isinstance(each, dict),
                    "content": _is_hash_or_none,
                },
            )
        )


@dataclass(frozen=True)
class Opened:
    """What one start of a run was opened with.

    Attributes:
        versions: The versions of its inputs, by file.
        input_digest: The digest of their content.
    """

    versions: Versions
    input_digest: str

    @classmethod
    def from_json(cls, name: str, value: Json) -> Self:
        """Read the file of a start; arguments and errors as for ``Manifest.from_json``."""
        rules: dict[str, Callable[[Any], bool]] = {
            "versions": lambda each: isinstance(each, dict),
            "input_digest": lambda each: isinstance(each, str),
        }
        return cls(**_checked(name, value, rules))


def _checked(name: str, value: Json, rules: dict[str, Callable[[Any], bool]]) -> Json:
    """Check the fields of a file; unknown fields are of a later version and are ignored."""
    for known, rule in rules.items():
        if not rule(value.get(known)):
            raise TerminalError(
                f"{name} has {known} {value.get(known)!r:.80}, which Shardwise never writes there: something else "
                "changed the store; start a run with another run_id"
            )
    return {known: value.get(known) for known in rules}


def _is_like(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_hash_or_none(value: object) -> bool:
    return value is None or _is_like(_HASH, value)
