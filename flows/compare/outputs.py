"""What a run left in its store, against an undisturbed run over the same data: lost, doubled, stale profiles."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from shared.run.difference import differences_in, records_of
from shared.run.errors import TransientError
from shared.run.ledger import shard_step

if TYPE_CHECKING:
    from shared.run.run import Run


@dataclass
class Output:
    """A run's published profiles.

    Attributes:
        finished: Whether the run published its result.
        digest: The result's, None without one.
        digest_differs: Whether it is another than the undisturbed run's.
        committed: Shards that count.
        lost: Customers that should be in a committed shard and are not.
        doubled: Rows of a customer after the first.
        stale: Customers with other values, or that nobody should have.
        first_difference: Where to look, without values; empty when there is none.
    """

    finished: bool
    digest: str | None
    digest_differs: bool
    committed: int
    lost: int = 0
    doubled: int = 0
    stale: int = 0
    first_difference: str = ""

    @classmethod
    def of(cls, run: Run, reference: Run) -> Output:
        """Compare every committed shard of a run, byte by byte and then profile by profile."""
        result, wanted = run.result(), reference.result()
        assert wanted is not None  # noqa: S101 — the reference has finished, or there would be no comparison
        digest = result["digest"] if result else None
        committed = run.committed()
        output = cls(result is not None, digest, digest not in {None, wanted["digest"]}, len(committed))
        for shard in sorted(committed if result is None else range(run.job.num_shards)):
            if _bytes(run, shard) != _bytes(reference, shard):
                output.compare(run, reference, shard)
        return output

    @property
    def wrong(self) -> bool:
        """Whether somebody who trusts what counts as published is misled."""
        return self.digest_differs or bool(self.lost or self.doubled or self.stale or self.first_difference)

    def compare(self, run: Run, reference: Run, shard: int) -> None:
        """Count how a shard differs from the reference."""
        wanted = _ids(reference, shard)
        try:
            ids = _ids(run, shard)
        except (OSError, ValueError) as error:  # pyarrow's errors of a file it cannot read are ValueErrors
            self.lost += len(wanted)
            self._note(f"{shard_step(shard)} cannot be read: {type(error).__name__}")
            return
        doubled = len(ids) - len(set(ids))
        self.lost += len(set(wanted) - set(ids))
        self.doubled += doubled
        if doubled:
            self._note(f"{shard_step(shard)} has customers more than once")
            return
        differences = list(differences_in(reference, run, shard))
        self.stale += len({found.key for found in differences} - (set(wanted) - set(ids)))
        where = f": {differences[0].field} of {differences[0].key}" if differences else " in its bytes only"
        self._note(f"{shard_step(shard)} differs{where}")

    def to_json(self) -> dict[str, Any]:
        """The evidence."""
        return asdict(self)

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
