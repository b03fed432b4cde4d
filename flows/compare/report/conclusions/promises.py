"""What the products' documentation promises about behaviour that the comparison observes, with page and date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.engine.verdicts import RECOVERED, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]


@dataclass(frozen=True)
class Promise:
    """One promise.

    Attributes:
        product: Whose.
        scenarios: That show whether it is kept.
        says: In our words.
        page: Where.
        as_of: When it was read.
        kept: The verdicts that keep it.
    """

    product: str
    scenarios: tuple[str, ...]
    says: str
    page: str
    as_of: str
    kept: frozenset[Verdict]

    def to_json(self) -> Json:
        """As compare.json has it."""
        return {"product": self.product, "says": self.says, "page": self.page, "as_of": self.as_of}


PROMISES = (
    Promise(
        "render",
        ("raise_twice", "kill_worker_once", "out_of_memory_once", "disk_full_once"),
        "a task run that fails is retried as its task declares",
        "https://render.com/docs/workflows",
        "2026-11-25",
        frozenset({Verdict.ENGINE}),
    ),
    Promise(
        "render",
        ("wait_beside_work",),
        "a run beyond the workspace's concurrency waits in a queue until another run completes",
        "https://render.com/docs/workflows-limits",
        "2026-11-25",
        frozenset(RECOVERED),
    ),
    Promise(
        "prefect",
        ("raise_twice", "out_of_memory_once", "disk_full_once"),
        "a task run that fails is retried as its task declares",
        "https://docs.prefect.io/v3/how-to-guides/workflows/retries",
        "2026-11-25",
        frozenset({Verdict.ENGINE}),
    ),
)


def promises_for(product: str, scenario: str) -> list[Promise]:
    """What is promised of a scenario."""
    return [promise for promise in PROMISES if promise.product == product and scenario in promise.scenarios]


def contradictions(cells: list[Json], columns: dict[str, Json]) -> Iterator[str]:
    """Cells that were tested and do not keep what the documentation of their product promises."""
    for cell in cells:
        for promise in promises_for(columns[cell["column"]]["product"], cell["scenario"]):
            if cell["tested"] and cell["verdict"] not in promise.kept:
                yield (
                    f"{cell['scenario']} on {cell['column']}: {cell['verdict']}, and {promise.page} "
                    f"(read {promise.as_of}) promises that {promise.says}"
                )
