"""Where what was observed does not keep what a product's documentation promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.compare.record.comparison import Comparison


def contradictions(comparison: Comparison) -> Iterator[str]:
    """Cells that were tested and do not keep a promise, in words."""
    for cell in comparison.cells:
        product = comparison.products.get(comparison.columns[cell.column].product)
        for promise in product.promises_of(cell.scenario) if product else ():
            if cell.judgement.tested and cell.judgement.verdict not in promise.kept:
                yield (
                    f"{cell.scenario} on {cell.column}: {cell.judgement.verdict}, and {promise.page} "
                    f"(read {promise.as_of}) promises that {promise.says}"
                )
