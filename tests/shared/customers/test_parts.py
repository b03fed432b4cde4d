"""A source is one file or several parts, plain or compressed: the files, their order and their names."""

from __future__ import annotations

import gzip
import os
from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from shared.customers.generate import Dirt, generate
from shared.run import steps
from shared.run.errors import TransientError
from tests.data import COLUMNS, csv_text, row, write_sources
from tests.golden import GOLDEN_DIGEST
from tests.shared.agreement import assert_same, rejects_of
from tests.shared.runs import merge, opened, refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.data import Row

NAMES = {
    "in a folder": "crm/{:02}.csv",
    "beside each other": "crm-{:02}.csv",
    "compressed": "crm/{:02}.csv.gz",
    "by date": "crm-2026-01-{:02}.csv.zst",
}


def put(path: Path, content: bytes) -> None:
    """Write a file as its ending says, in a folder that is made when needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(".gz"):
        content = gzip.compress(content)
    if path.name.endswith(".zst"):
        content = pa.compress(content, "zstd", asbytes=True)
    path.write_bytes(content)


def in_parts(data: Path, pattern: str, parts: Iterable[Iterable[Row]]) -> Path:
    """A data folder of which the crm comes in parts."""
    write_sources(data, billing=[row("b", mrr="1")])
    (data / "crm.csv").unlink()
    for number, rows in enumerate(parts):
        put(data / pattern.format(number), csv_text("crm", rows).encode())
    return data


@pytest.mark.parametrize("pattern", NAMES.values(), ids=NAMES.keys())
def test_the_last_part_wins(tmp_path: Path, pattern: str) -> None:
    """Of a customer's rows that of the last part by name counts, and in it the last; rows are added up."""
    parts = [[row("a", industry="first"), row(f"own{n}")] for n in range(11)]
    parts[10] += [row("a", industry="second to last"), row("a", industry="last")]
    merged = merge(in_parts(tmp_path / "data", pattern, parts), tmp_path / "store")
    assert {p["customer_id"]: p["industry"] for p in merged.profiles}["a"] == "last"
    assert (merged.result["records_processed"], merged.result["duplicates"]["crm"]) == (25, 12)


@pytest.mark.parametrize("count", [1, 2, 20])
def test_the_digest_is_that_of_one_file(tmp_path: Path, count: int) -> None:
    """Rows in any number of parts give the profiles, counts and digest of the same rows in one file."""
    dirt = Dirt(missing=0.1, duplicates=0.3, blanks=0.1, unknown=0.1, malformed=0.1)
    generate(tmp_path / "one", customers=300, seed=3, dirt=dirt)
    whole = merge(tmp_path / "one", tmp_path / "one-store", max_rejects="100%")
    for name in COLUMNS:
        header, *lines = (tmp_path / "one" / f"{name}.csv").read_bytes().splitlines(keepends=True)
        cuts = [len(lines) * number // count for number in range(count + 1)]
        for number, (first, last) in enumerate(pairwise(cuts)):
            put(tmp_path / "parts" / name / f"{number:03}.csv", header + b"".join(lines[first:last]))
    merged = merge(tmp_path / "parts", tmp_path / "store", max_rejects="100%")
    assert_same("profile", merged.profiles, whole.profiles)
    own = {"run_id", "output", "shard_timings"}
    assert {k: v for k, v in merged.result.items() if k not in own} == {
        k: v for k, v in whole.result.items() if k not in own
    }
    assert [r["value"] for r in rejects_of(merged)] == [r["value"] for r in rejects_of(whole)]


def test_parts_may_differ_in_how_they_are_written(tmp_path: Path) -> None:
    """Each has its header, order of columns, line ends and encoding."""
    data = in_parts(tmp_path / "data", NAMES["in a folder"], [])
    columns = list(reversed(COLUMNS["crm"]))
    rows = [[row(each, industry="Évora", deal_value="1")] for each in "abcd"]
    put(data / "crm/1.csv", csv_text("crm", rows[0], newline="\r\n").encode("utf-8-sig"))
    put(data / "crm/2.csv", csv_text("crm", rows[1], columns=[*columns, "notes"]).encode())
    put(data / "crm/3.csv.gz", csv_text("crm", rows[2]).encode("utf-16"))
    put(data / "crm/4.csv.zst", csv_text("crm", rows[3], newline="\r").encode())
    merged = merge(data, tmp_path / "store")
    assert [(p["customer_id"], p["industry"], p["deal_value"]) for p in merged.profiles if p["industry"]] == [
        (each, "Évora", 1) for each in "abcd"
    ]


def test_rejects_name_the_part(tmp_path: Path) -> None:
    """Broken rows and bad cells have the line and record of their own file, in messages as in the rejects file."""
    data = in_parts(tmp_path / "data", NAMES["beside each other"], [])
    header = csv_text("crm", []).encode()
    put(data / "crm-1.csv", header + b"a,,,,,,x,,\nb\n" + b"good,,,,,,,,\n" * 3)
    put(data / "crm-2.csv", header + b"good,,,,,,,,\n\nc\nd,,,,,,y,,\n")
    put(data / "crm-3.csv.gz", header + b",,,,,,,,\n")
    message = refused(data, tmp_path / "store")
    for where in (
        "crm-1.csv line 2, column employee_count: 'x'",
        "crm-2.csv line 4: 'c'",
        "crm-3.csv.gz line 2, column",
    ):
        assert f"\n  {where}" in message
    rejects = rejects_of(merge(data, tmp_path / "store", max_rejects="5"))
    assert [(r["source"], r["line"], r["record"], r["value"]) for r in rejects] == [
        ("crm-1.csv", "2", "2", "x"),
        ("crm-1.csv", "3", "3", "b"),
        ("crm-2.csv", "4", "3", "c"),
        ("crm-2.csv", "5", "4", "y"),
        ("crm-3.csv.gz", "2", "2", ""),
    ]


def test_a_compressed_file_is_told_by_its_name(tmp_path: Path) -> None:
    """The rejects file has the source, as of a plain file; a message has the file."""
    data = in_parts(tmp_path / "data", "crm.csv.gz", [[row("a", deal_value="x")]])
    assert "\n  crm.csv.gz line 2, column deal_value: 'x' not a whole number\n" in refused(data, tmp_path / "store")
    (reject,) = rejects_of(merge(data, tmp_path / "store", max_rejects="1"))
    assert reject["source"] == "crm"


def test_the_sample_compressed(tmp_path: Path) -> None:
    """The committed sample gives its golden digest, however it is compressed."""
    from shared.run.settings import SAMPLE_DATA

    for name, ending in zip(COLUMNS, (".csv.gz", ".csv.zst", "/part-1.csv.gz", "-1.csv"), strict=True):
        put(tmp_path / "data" / f"{name}{ending}", (SAMPLE_DATA / f"{name}.csv").read_bytes())
    assert merge(tmp_path / "data", tmp_path / "store").result["digest"] == GOLDEN_DIGEST


UNCLEAR = {
    "a file and parts": (["crm.csv", "crm-1.csv"], "has crm.csv and crm-1.csv: a source is one file, or parts in one"),
    "a file, and it compressed": (["crm.csv", "crm.csv.gz"], "has crm.csv and crm.csv.gz: a source is one file"),
    "parts in two places": (["crm-1.csv", "crm/1.csv"], "has crm-1.csv and crm/1.csv: a source is one file, or parts"),
    "a part twice": (["crm/1.csv", "crm/1.csv.zst"], "has crm/1.csv and crm/1.csv.zst: remove one of them"),
    "a folder of parts": (["crm/1.csv", "crm/2026/2.csv"], "has the folder crm/2026/: parts are directly in crm/"),
    "folders of parts only": (["crm/2026/2.csv"], "has the folder crm/2026/: parts are directly in crm/"),
    "a part in capitals": (["crm/1.csv", "crm/2.CSV"], "has crm/2.CSV, which is not read: the names of parts are as"),
    "a part of another compression": (["crm-1.csv", "crm-2.csv.bz2"], "has crm-2.csv.bz2, which is not read: the"),
    "a part with capitals before": (["crm-1.csv", "CRM-2.csv"], "has CRM-2.csv, which is not read: the names of parts"),
}


@pytest.mark.parametrize(("names", "told"), UNCLEAR.values(), ids=UNCLEAR.keys())
def test_files_that_may_be_meant_otherwise(tmp_path: Path, names: list[str], told: str) -> None:
    """No file that looks like a part is left out in silence."""
    data = in_parts(tmp_path / "data", "", [])
    for name in names:
        put(data / name, csv_text("crm", []).encode())
    message = refused(data, tmp_path / "store")
    assert message.startswith(f"the data folder {data} {told}")


MISSING = {
    "CRM.CSV": "; CRM.CSV is there: rename it to crm.csv; a data folder has crm.csv, billing.csv,",
    "Crm.csv.GZ": "; Crm.csv.GZ is there: rename it to crm.csv.gz; a data folder has",
    "crm.xlsx": "; crm.xlsx is there, which is not read: export it as crm.csv; a data folder has",
    "crm.csv.bz2": "; crm.csv.bz2 is there, which is not read: export it as crm.csv; a data folder has",
    "crm.txt": "; crm.txt is there, which is not read: export it as crm.csv; a data folder has",
    "CRM/1.csv": "; CRM/ is there: rename it to crm/; a data folder has",
    ".crm.csv": "; a data folder has crm.csv, billing.csv, product.csv, support.csv",
}


@pytest.mark.parametrize(("name", "told"), MISSING.items(), ids=MISSING.keys())
def test_a_source_under_another_name(tmp_path: Path, name: str, told: str) -> None:
    """The message of a missing file names what is there in its place."""
    data = in_parts(tmp_path / "data", "", [])
    put(data / name, csv_text("crm", []).encode())
    assert refused(data, tmp_path / "store").startswith(f"crm.csv is missing in {data}{told}")


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """What is not a CSV beside a source or in the folder of its parts does not matter, nor do hidden files."""
    data = in_parts(tmp_path / "data", "crm/{}.csv", [[row("a")]])
    for name in (
        "crm/_SUCCESS",
        "crm/.1.csv.crc",
        "crm/.DS_Store",
        "crm/README.txt",
        "notes.csv",
        "crmx.csv",
        "._crm.csv",
    ):
        put(data / name, b"x")
    (data / "crm" / ".git").mkdir()
    assert merge(data, tmp_path / "store").result["profiles_generated"] == 2


def test_a_part_that_comes_while_a_run_starts(tmp_path: Path) -> None:
    """A further part is a change like any other."""
    data = in_parts(tmp_path / "data", "crm/{}.csv", [[row("a")]])
    job = opened(data, tmp_path / "store")
    put(data / "crm/9.csv", csv_text("crm", []).encode())
    with pytest.raises(TransientError, match=r"^crm/9.csv in .* changed since the run started"):
        steps.stage(job)


@pytest.mark.parametrize("pattern", ["crm/{}.csv", "crm-{}.csv"])
def test_each_part_needs_a_header(tmp_path: Path, pattern: str) -> None:
    """A part that begins with its first row, or is empty, is named."""
    data = in_parts(tmp_path / "data", pattern, [[row("a")]])
    part = data / pattern.format(1)
    put(part, b"b,,,,,,,,\n")
    name = os.path.relpath(part, data)
    assert refused(data, tmp_path / "store").startswith(f"{name} in {data} lacks the column customer_id, email, ")
    put(part, b"")
    assert refused(data, tmp_path / "store").startswith(f"{name} in {data} is empty; its header must have customer_id")


def test_links_are_followed(tmp_path: Path) -> None:
    """A source, a part or the folder of parts may be a link."""
    data = in_parts(tmp_path / "data", "", [])
    put(tmp_path / "elsewhere/1.csv", csv_text("crm", [row("a")]).encode())
    (data / "crm").symlink_to(tmp_path / "elsewhere")
    (data / "billing.csv").rename(tmp_path / "b.csv")
    (data / "billing.csv").symlink_to(tmp_path / "b.csv")
    assert [p["customer_id"] for p in merge(data, tmp_path / "store", num_shards=1).profiles] == ["a", "b"]
