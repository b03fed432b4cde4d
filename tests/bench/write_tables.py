"""Writes the tables of ``tests/bench/README.md`` from ``bench.json`` beside it: ``python -m tests.bench.write_tables``.

``cp .bench/bench.json tests/bench/`` takes over a measurement.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.compare.report.markdown import table
from tests.bench.promises import Outcome, Promise

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = Path(__file__).with_name("README.md")
MEASURED = Path(__file__).with_name("bench.json")

Measured = dict[str, Any]


def main() -> None:
    """Replace what stands between the markers."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), measured), encoding="utf-8")


def written(text: str, measured: Measured) -> str:
    """A text with its blocks filled from a measurement."""
    for name, block in {"merges": _merges(measured), "promises": _promises(measured)}.items():
        marked = re.compile(rf"(<!-- {name}: begin[^\n]*\n).*?(<!-- {name}: end -->)", re.DOTALL)
        text = marked.sub(lambda found, block=block: f"{found[1]}\n{block}\n\n{found[2]}", text)  # type: ignore[misc]
    return text


def _merges(measured: Measured) -> str:
    """The same merge of 1M customers by each engine and each library."""
    rows = [each for each in measured["rows"] if each["part"] == "engines" and each["what"].startswith("1M")]
    heads = ["1M customers", "wall", "over DuckDB", "CPU", "over DuckDB", "largest process"]
    return table(heads, map(_merge, rows))


def _merge(row: Measured) -> Iterator[str]:
    figures = row["figures"]
    yield row["what"].removeprefix("1M on ")
    yield f"{figures['wall_s']:.1f} s"
    yield f"{figures['duckdb_ratio']:.1f} x"
    yield f"{figures['cpu_s']:.1f} s"
    yield f"{figures['duckdb_cpu_ratio']:.1f} x"
    yield f"{figures['largest_mib']:.0f} MiB"


def _promises(measured: Measured) -> str:
    return table(["promise", "measured", "promised", ""], map(_promise, measured["promises"]))


def _promise(outcome: Measured) -> Iterator[str]:
    promise = Promise(**outcome["promise"])
    yield promise.text
    yield Outcome(promise, outcome["measured"], outcome["spread"]).figure
    yield f"{promise.limit:g} {promise.unit}"
    yield "kept" if outcome["kept"] else "missed"


if __name__ == "__main__":
    main()
