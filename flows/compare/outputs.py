"""What a run left in its store and told its caller, against an undisturbed run: missing, duplicated, stale records."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from flows.compare.results import answer_differences, result_differences
from shared.run.difference import differences_in, records_of
from shared.run.errors import TransientError
from shared.run.ledger import shard_step

if TYPE_CHECKING:
    from shared.run.run import Run

Json = dict[str, Any]


@dataclass
class Output:
    """A run's published files and result.

    Attributes:
        finished: Whether the run published its result.
        digest: The result's, None without one.
        committed: Shards that count.
        missing: Records that should be in a committed shard and are not.
        duplicated: Rows of a record after the first.
        stale: Records with other values, or that nobody should have.
        first_difference: Where to look in the files, without values; empty when there is none.
        result: Fields of the published result that differ from the undisturbed run's.
        answer: Fields of the caller's answer that differ from the published result.
    """

    finished: bool
    digest: str | None
    committed: int
    missing: int = 0
    duplicated: int = 0
    stale: int = 0
    first_difference: str = ""
    result: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, run: Run, reference: Run, answer: Json | None = None) -> Output:
        """Compare every committed shard of a run, byte by byte and then record by record, its result and its answer.

        Args:
            run: What is judged.
            reference: An undisturbed run over the same data.
            answer: What the caller of the run was given as its result; None where it got none.
        """
        result, wanted, committed = run.result(), reference.result(), run.committed()
        assert wanted is not None  # noqa: S101 — the reference has finished, or there would be no comparison
        output = cls(result is not None, result["digest"] if result else None, len(committed))
        for shard in sorted(committed if result is None else range(run.job.num_shards)):
            if _bytes(run, shard) != _bytes(reference, shard):
                output.compare(run, reference, shard)
        output.result = result_differences(result, wanted) if result else []
        output.answer = answer_differences(answer, result) if answer is not None else []
        return output

    @property
    def wrong(self) -> bool:
        """Whether somebody who trusts what counts as published, or the answer, is misled."""
        files = self.missing or self.duplicated or self.stale or self.first_difference
        return bool(files or self.result or self.answer)

    @property
    def differences(self) -> list[str]:
        """All of them in words."""
        files = [self.first_difference] if self.first_difference else []
        return [*files, *(f"result: {each}" for each in self.result), *(f"answer: {each}" for each in self.answer)]

    def compare(self, run: Run, reference: Run, shard: int) -> None:
        """Count how a shard differs from the reference."""
        wanted = _ids(reference, shard)
        try:
            ids = _ids(run, shard)
        except (OSError, ValueError) as error:  # pyarrow's errors of a file it cannot read are ValueErrors
            self.missing += len(wanted)
            self._note(f"{shard_step(shard)} cannot be read: {type(error).__name__}")
            return
        duplicated = len(ids) - len(set(ids))
        self.missing += len(set(wanted) - set(ids))
        self.duplicated += duplicated
        if duplicated:
            self._note(f"{shard_step(shard)} has records more than once")
            return
        differences = list(differences_in(reference, run, shard))
        self.stale += len({found.key for found in differences} - (set(wanted) - set(ids)))
        where = f": {differences[0].field} of {differences[0].key}" if differences else " in its bytes only"
        self._note(f"{shard_step(shard)} differs{where}")

    def to_json(self) -> Json:
        """The evidence."""
        return asdict(self) | {"differences": self.differences}

    def _note(self, difference: str) -> None:
        self.first_difference = self.first_difference or difference


def _bytes(run: Run, shard: int) -> str | None:
    """The digest of a shard's committed file, None without one."""
    try:
        with run.open_output(shard) as file:
            return sha256(file.read()).hexdigest()
    except (FileNotFoundError, TransientError):
        return None


def _ids(run: Run, shard: int) -> list[str]:
    return [key for key, _ in records_of(run, shard)]
