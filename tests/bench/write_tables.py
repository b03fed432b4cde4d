"""Writes the tables and charts of the READMEs from ``bench.json`` beside it: ``python -m tests.bench.write_tables``.

``cp .bench/bench.json tests/bench/`` takes over a measurement.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.compare.report.markdown import table
from tests.bench.charts import charts
from tests.bench.machines import machine
from tests.bench.promises import Outcome, Promise
from tests.bench.servers import ENGINES
from tests.bench.shards import COUNTS
from tests.prefect_server import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent
MEASURED = FOLDER / "bench.json"
DOCUMENTS = (FOLDER / "README.md", ROOT / "deployments/README.md")

Measured = dict[str, Any]


def main() -> None:
    """Replace what stands between the markers, and the pictures."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    for document in DOCUMENTS:
        document.write_text(written(document.read_text(encoding="utf-8"), measured), encoding="utf-8")
    for name, svg in charts(measured).items():
        (FOLDER / name).write_text(svg, encoding="utf-8")


def written(text: str, measured: Measured) -> str:
    """A text with its blocks filled from a measurement."""
    blocks = {
        "merges": _merges(measured),
        "shards": _shards(measured),
        "promises": _promises(measured),
        "charts": "\n".join(f"![{name.removesuffix('.svg')}]({name})" for name in charts(measured)),
        "machine": machine(measured),
    }
    for name, block in blocks.items():
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


def _shards(measured: Measured) -> str:
    """The sample in more and more shards: the merge on local, and on each engine beside its no-op."""
    found = {each["what"]: each["figures"] for each in measured["rows"] if each["part"] == "shards"}
    counts = [f"{count:,}" for count in COUNTS if f"{count:,} on local" in found]
    heads = ["shards", "local"]
    for engine in ENGINES:
        heads += [f"{engine}: no-op", "merge", "over local + no-op", "CPU"]
    return table(heads, (_of_shards(found, count) for count in counts))


def _of_shards(found: Measured, count: str) -> Iterator[str]:
    yield count
    yield f"{found[f'{count} on local']['wall_s']:.1f} s"
    for engine in ENGINES:
        merge = found[f"{count} on {engine}"]
        yield f"{found[f'{count} no-op on {engine}']['wall_s']:.1f} s"
        yield f"{merge['wall_s']:.1f} s"
        yield f"{merge['parts_ratio']:.2f} x"
        yield f"{merge['parts_cpu_ratio']:.2f} x"


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
