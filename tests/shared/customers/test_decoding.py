"""Compressed files and encodings: what is read as it is, and why the rest is not."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from tests.data import csv_text, row, write_sources
from tests.shared.runs import merge, refused
from tests.web_server import web_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = [row(f"c{number}", industry="Évora, 名前\nLisbon 🙂") for number in range(50)]
TEXT = csv_text("crm", ROWS)
PLAIN = TEXT.encode()

READ: dict[str, tuple[str, bytes]] = {
    "gzip": ("crm.csv.gz", gzip.compress(PLAIN)),
    "gzip in two members": ("crm.csv.gz", gzip.compress(PLAIN[:3_000]) + gzip.compress(PLAIN[3_000:])),
    "Zstandard": ("crm.csv.zst", pa.compress(PLAIN, "zstd", asbytes=True)),
    "Zstandard in two frames": (
        "crm.csv.zst",
        b"".join(pa.compress(part, "zstd", asbytes=True) for part in (PLAIN[:99], PLAIN[99:])),
    ),
    "UTF-16, little end first": ("crm.csv", "\ufeff".encode("utf-16-le") + TEXT.encode("utf-16-le")),
    "UTF-16, big end first": ("crm.csv", "\ufeff".encode("utf-16-be") + TEXT.encode("utf-16-be")),
    "UTF-32": ("crm.csv", TEXT.encode("utf-32")),
    "UTF-16 in gzip": ("crm.csv.gz", gzip.compress(TEXT.encode("utf-16"))),
    "a byte order mark in gzip": ("crm.csv.gz", gzip.compress(TEXT.encode("utf-8-sig"))),
}
ZSTD = pa.compress(PLAIN, "zstd", asbytes=True)
NO_GZIP, NO_ZSTD = (
    "cannot be read: it is not what gzip writes, or not all of it: ",
    "cannot be read: it is not what zstd ",
)
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "gzip that ends early": ("crm.csv.gz", gzip.compress(PLAIN)[:-20], NO_GZIP),
    "gzip with text after it": ("crm.csv.gz", gzip.compress(PLAIN) + b"x", NO_GZIP),
    "plain under the name of gzip": ("crm.csv.gz", PLAIN, NO_GZIP),
    "Zstandard that ends early": ("crm.csv.zst", ZSTD[:-20], NO_ZSTD),
    "plain under the name of Zstandard": ("crm.csv.zst", PLAIN, NO_ZSTD),
    "nothing, in gzip": ("crm.csv.gz", gzip.compress(b""), "lacks the column customer_id, email, "),
    "gzip under a plain name": ("crm.csv", gzip.compress(PLAIN), "is compressed with gzip; add .gz to its name"),
    "Zstandard under a plain name": ("crm.csv", ZSTD, "is compressed with Zstandard; add .zst to its name"),
    "Excel": ("crm.csv", b"PK\x03\x04\x14\0\x06\0", "is an Excel workbook or a zip archive; export it as CSV"),
    "UTF-16 with a lone surrogate": (
        "crm.csv",
        (TEXT + "x").encode("utf-16") + b"\x00\xd8\x00\x00",
        f"it starts as UTF-16, but byte {len((TEXT + 'x').encode('utf-16'))} is invalid; save it as UTF-8",
    ),
    "UTF-16 cut in a letter": ("crm.csv", TEXT.encode("utf-16")[:-1], "cannot be read: it starts as UTF-16, but byte "),
    "UTF-16 without a byte order mark": ("crm.csv", TEXT.encode("utf-16-le"), "has NUL bytes, as UTF-16 has without a"),
    "semicolons": (
        "crm.csv",
        PLAIN.replace(b",", b";"),
        "its columns are separated by semicolons: save it with commas",
    ),
    "tabs in UTF-16, as Excel's Unicode text": (
        "crm.csv",
        TEXT.replace(",", "\t").encode("utf-16"),
        "its columns are separated by tabs: save it with commas",
    ),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder without crm."""
    data = write_sources(tmp_path / "data")
    (data / "crm.csv").unlink()
    return data


@pytest.mark.parametrize(("name", "content"), READ.values(), ids=READ.keys())
def test_what_is_read(tmp_path: Path, data: Path, name: str, content: bytes) -> None:
    """However it is written, a file has the profiles and the digest of the plain one."""
    wanted = merge(write_sources(tmp_path / "plain", crm=PLAIN), tmp_path / "plain-store")
    (data / name).write_bytes(content)
    merged = merge(data, tmp_path / "store")
    assert merged.profiles == wanted.profiles
    assert merged.result["digest"] == wanted.result["digest"]


@pytest.mark.parametrize(("name", "content", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(tmp_path: Path, data: Path, name: str, content: bytes, why: str) -> None:
    """One sentence names the file and the reason; nothing is published."""
    (data / name).write_bytes(content)
    message = refused(data, tmp_path / "store")
    assert message.startswith(f"{name} in {data}")
    assert why in message
    assert "\n" not in message.split("; found")[0]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_data_on_a_web_server(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Before, DuckDB read it and failed: ``modified() is not implemented``. The server lists nothing."""
    wanted = merge(write_sources(tmp_path / "plain", crm=PLAIN), tmp_path / "plain-store")
    ending = ".csv.gz" if pack is gzip.compress else ".csv"
    with web_server() as web:
        for path in (tmp_path / "plain").iterdir():
            web.files[f"data/{path.stem}{ending}"] = pack(path.read_bytes())
        merged = merge(f"{web.url}/data", tmp_path / "store")
    assert merged.profiles == wanted.profiles
    assert merged.result["digest"] == wanted.result["digest"]


def test_parts_on_a_web_server_that_lists_its_files(tmp_path: Path) -> None:
    """The links of its pages are the names in the folders."""
    with web_server() as web:
        data = write_sources(tmp_path / "plain")
        web.files = {f"data/{path.name}": path.read_bytes() for path in data.iterdir() if path.stem != "crm"}
        web.files |= {f"data/crm/{n}.csv.gz": gzip.compress(csv_text("crm", [row(f"c{n}")]).encode()) for n in range(3)}
        links = ["crm/", *(name.removeprefix("data/") for name in web.files if "crm/" not in name)]
        web.files["data/"] = web.files["data"] = "".join(f'<a href="{link}">{link}</a>\n' for link in links).encode()
        web.files["data/crm/"] = web.files["data/crm"] = b"".join(b'<a href="%d.csv.gz">x</a>' % n for n in range(3))
        merged = merge(f"{web.url}/data", tmp_path / "store", num_shards=1)
    assert [profile["customer_id"] for profile in merged.profiles] == ["c0", "c1", "c2"]
