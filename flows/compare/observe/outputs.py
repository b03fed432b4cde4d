"""What a run left in its store and answered, against an undisturbed run: missing, duplicated, stale records."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from flows.compare.observe.files import Shard, unexpected_files
from flows.compare.observe.results import answer_differences, result_differences
from shared.run.digest import Digest
from shared.run.pipeline import has

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
        missing: Records that should be in a shard that counts and are not; files, where a pipeline tells no records.
        duplicated: Records that are there more than once, counted after the first.
        stale: Records with other values, or that nobody should have.
        first_difference: Where to look in the files, without values; empty when there is none.
        result: Fields of the published result that differ from the undisturbed run's.
        answer: Fields of the caller's answer that differ from the published result.
        problems: What the pipeline's own ``verify`` names.
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
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, run: Run, reference: Run, answer: Json | None = None, varying: frozenset[str] = frozenset()) -> Output:
        """Compare every shard that counts, byte by byte and then record by record, the result and the answer.

        Args:
            run: What is judged.
            reference: An undisturbed run over the same data.
            answer: What the caller of the run was given as its result; None where it got none.
            varying: Fields of the result that differ between undisturbed runs.
        """
        result, wanted, committed = run.result(), reference.result(), run.committed()
        assert wanted is not None  # noqa: S101 — the reference has finished, or there would be no comparison
        output = cls(result is not None, result["digest"] if result else None, len(committed))
        for shard in sorted(committed if result is None else range(run.job.num_shards)):
            output.compare(Shard(run, shard, published=result is not None), Shard(reference, shard, published=True))
        if result is not None:
            output.note(unexpected_files(run))
            output.result = result_differences(result, wanted, varying)
            output.problems = _problems(run, result)
        output.answer = answer_differences(answer, result) if answer is not None else []
        return output

    @property
    def wrong(self) -> bool:
        """Whether somebody who trusts what counts as published, or the answer, is misled."""
        return bool(self.missing or self.duplicated or self.stale or self.differences)

    @property
    def records(self) -> int:
        """How many the digest of the result counts; 0 without a result."""
        return Digest.parse(self.digest).count if self.digest else 0

    @property
    def differences(self) -> list[str]:
        """All of them in words."""
        files = [self.first_difference] if self.first_difference else []
        said = {"result": self.result, "answer": self.answer, "verify": self.problems}
        return files + [f"{where}: {each}" for where, found in said.items() for each in found]

    def compare(self, shard: Shard, wanted: Shard) -> None:
        """Count how a shard differs from the reference's."""
        difference = shard.difference(wanted)
        self.missing += difference.missing
        self.duplicated += difference.duplicated
        self.stale += difference.stale
        self.note(difference.where)

    def note(self, difference: str) -> None:
        """Keep the first place to look at."""
        self.first_difference = self.first_difference or difference

    def to_json(self) -> Json:
        """The evidence."""
        return asdict(self) | {"differences": self.differences}


def _problems(run: Run, result: Json) -> list[str]:
    """What the pipeline finds wrong outside the store, if it looks."""
    if not has(run.pipeline, "verify"):
        return []
    found: list[str] = run.pipeline.verify(run.context(0), result)  # type: ignore[attr-defined]
    return found
