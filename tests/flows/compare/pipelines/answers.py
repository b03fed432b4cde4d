"""A pipeline for each thing that a ``verify`` may answer, or do in place of an answer."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.run.pipeline import Context


def _raised() -> None:
    raise ValueError("no database")


@dataclass
class Answers:
    """Writes a number per shard; what its ``verify`` answers is given."""

    answer: Callable[[], Any]
    name = "answers"

    def process_shard(self, context: Context, shard_id: int, path: Path) -> dict[str, Any]:
        """The shard's number."""
        del context
        path.write_text(str(shard_id))
        return {}

    def aggregate(self, context: Context, shards: list[dict[str, Any]]) -> dict[str, Any]:
        """How many shards there are."""
        del context
        return {"shards": len(shards)}

    def verify(self, context: Context, result: dict[str, Any]) -> Any:
        """What was given."""
        del context, result
        return self.answer()


an_empty_list = Answers(list)
a_text_in_a_list = Answers(lambda: ["7 rows are twice"])
nothing = Answers(lambda: None)
yes = Answers(lambda: True)
a_text = Answers(lambda: "7 rows are twice")
a_generator = Answers(lambda: (each for each in ("7 rows are twice",)))
numbers = Answers(lambda: [7])
an_error = Answers(_raised)
an_end_of_the_process = Answers(lambda: os._exit(3))
an_endless_wait = Answers(lambda: threading.Event().wait())
