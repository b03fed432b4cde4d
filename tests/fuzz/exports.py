"""Small sources as they are exported: one file or parts, plain, compressed or in UTF-16, some of them damaged."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from shared.customers.generate import Dirt, generate
from tests.data import COLUMNS
from tests.fuzz.mutations import MUTATIONS

if TYPE_CHECKING:
    from random import Random

CUSTOMERS = 25
WAYS = ["{source}.csv"] * 4 + ["{source}-{part}.csv", "{source}/{part}.csv"]
PARTS = [["1", "10", "2"], ["a", "b", "é"], ["2026-01", "2026-02", "x y"]]


def write_exports(draw: Random, folder: Path) -> None:
    """Four good or somewhat dirty sources, and one to three things gone wrong in one or two of them."""
    damaged = draw.sample(sorted(COLUMNS), k=draw.choice([1, 1, 2]))
    for source, content in _generated(draw).items():
        way = draw.choice(WAYS)
        parts = _split(draw, content) if "part" in way else [content]
        for _ in range(draw.choice([1, 1, 2, 3]) if source in damaged else 0):
            part = draw.randrange(len(parts))
            parts[part] = draw.choice(MUTATIONS)(draw, parts[part])
        labels = draw.choice(PARTS)
        for label, rows in zip(labels, parts, strict=False):
            _write(draw, folder / way.format(source=source, part=label), rows)


def _generated(draw: Random) -> dict[str, bytes]:
    """The sources in one file each."""
    dirt = draw.choice([Dirt(), Dirt(0.2, 0.3, 0.2, 0.1, 0.0), Dirt(0.1, 0.2, 0.1, 0.1, 0.3)])
    customers, seed = draw.randrange(1, CUSTOMERS), draw.randrange(1_000)
    with TemporaryDirectory() as folder:
        generate(Path(folder), customers=customers, seed=seed, as_of=date(2026, 1, 31), dirt=dirt)
        return {source: Path(folder, f"{source}.csv").read_bytes() for source in COLUMNS}


def _split(draw: Random, content: bytes) -> list[bytes]:
    """Up to three parts, each with the header; a record of several lines may be torn apart."""
    header, *lines = content.splitlines(keepends=True)
    first, last = sorted(draw.choices(range(len(lines) + 1), k=2))
    cut = [lines[:first], lines[first:last], lines[last:]][: draw.choice([1, 2, 3, 3])]
    return [header + b"".join(part) for part in cut]


def _write(draw: Random, path: Path, content: bytes) -> None:
    """Write a file unchanged, in UTF-16, or compressed, and sometimes incompletely."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if draw.random() < 0.1:
        content = content.decode(errors="replace").encode("utf-16")
    if draw.random() < 0.15:
        path, content = path.with_name(f"{path.name}.gz"), gzip.compress(content, mtime=0)
        if draw.random() < 0.1:
            content = content[: draw.randrange(1, len(content))]
    path.write_bytes(content)
