"""Finds observations that contradict the promises of a product's documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.record.comparison import Comparison


def contradictions(comparison: Comparison) -> Iterator[str]:
    """Cells that were tested and do not keep a promise, in words; that a stand-in recovers is our code's."""
    for cell in comparison.cells:
        column = comparison.columns[cell.column]
        product = comparison.products.get(column.product)
        verdict = cell.judgement.verdict
        shown = Verdict.ENGINE if column.stand_in and verdict is Verdict.OURS else verdict
        for promise in product.promises_of(cell.scenario) if product else ():
            if cell.judgement.tested and shown not in promise.kept:
                yield (
                    f"{cell.scenario} on {cell.column}: {verdict}, and {promise.page} "
                    f"(read {promise.as_of}) promises that {promise.says}"
                )
