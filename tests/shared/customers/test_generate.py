"""Seeded sample data: the same bytes everywhere, and each kind of dirt is what it says."""

from __future__ import annotations

import csv
import hashlib
from datetime import date
from typing import TYPE_CHECKING

import pytest

from shared.customers.generate import Dirt, generate
from shared.customers.schema import SOURCES
from shared.run.errors import TerminalError
from shared.run.settings import SAMPLE_DATA
from tests.data import COLUMNS
from tests.golden import GOLDEN_DIGEST, SHARD_COUNTS
from tests.oracle import KNOWN
from tests.oracle_csv import Table, read_source
from tests.oracle_scores import word
from tests.shared.runs import merge

if TYPE_CHECKING:
    from pathlib import Path

AS_OF = date(2026, 1, 31)
CUSTOMERS = 2_000
CLEAN = Dirt()
TINY = "81b8f902e1fae8f8aa30d80289e08b97a2b1f6a650d85c04c20edc3666251124"


def made(folder: Path, dirt: Dirt = CLEAN, *, customers: int = CUSTOMERS, seed: int = 1, as_of: date = AS_OF) -> Path:
    """Generated data in a new folder."""
    generate(folder, customers=customers, seed=seed, as_of=as_of, dirt=dirt)
    return folder


def content(folder: Path) -> bytes:
    """The bytes of all four files."""
    return b"".join((folder / source.file).read_bytes() for source in SOURCES)


def tables(folder: Path) -> list[Table]:
    """The four files, read by the oracle."""
    return [read_source(folder, source.name) for source in SOURCES]


def cells(folder: Path) -> list[list[str]]:
    """All rows of all files as text, headers and keys left out."""
    rows: list[list[str]] = []
    for source in SOURCES:
        with (folder / source.file).open(newline="", encoding="utf-8") as file:
            rows += [cells[1:] for cells in list(csv.reader(file))[1:]]
    return rows


def test_the_same_options_give_the_same_bytes(tmp_path: Path) -> None:
    """A tiny sample has the bytes it has always had, on every machine and day."""
    dirt = Dirt(missing=0.1, duplicates=0.2, blanks=0.1, unknown=0.1, malformed=0.1)
    first = content(made(tmp_path / "one", dirt, customers=20))
    assert first == content(made(tmp_path / "two", dirt, customers=20))
    assert hashlib.sha256(first).hexdigest() == TINY


def test_other_options_give_other_bytes(tmp_path: Path) -> None:
    """Seed, date and number of customers all matter."""
    contents = [
        content(made(tmp_path / "first", customers=20)),
        content(made(tmp_path / "seed", customers=20, seed=2)),
        content(made(tmp_path / "date", customers=20, as_of=date(2026, 2, 1))),
        content(made(tmp_path / "customers", customers=21)),
    ]
    assert len(set(contents)) == len(contents)


def test_the_committed_sample_can_be_made_again(tmp_path: Path) -> None:
    """sample_data/ is the generator's with its documented options, and merges to the golden digest and counts."""
    assert content(made(tmp_path / "data", customers=1_000)) == content(SAMPLE_DATA)
    result = merge(SAMPLE_DATA, tmp_path / "store", num_shards=10).result
    assert result["digest"] == GOLDEN_DIGEST
    assert [timing["count"] for timing in result["shard_timings"]] == SHARD_COUNTS


def test_clean_data_knows_every_customer_once(tmp_path: Path) -> None:
    """Without dirt each source has each customer once, in order, every row is good and every value known."""
    wanted = [f"cust_{number:08}" for number in range(1, CUSTOMERS + 1)]
    for table in tables(made(tmp_path)):
        assert [row["customer_id"] for row in table.rows] == wanted
        assert table.rejects == []
    assert unknown_share(tables(tmp_path)) == 0


def test_dates_are_not_after_the_as_of_date(tmp_path: Path) -> None:
    """The as-of date is the latest in the data."""
    folder = made(tmp_path)
    dates = [cell for row in cells(folder) for cell in row if len(cell) == 10 and cell[4] == cell[7] == "-"]
    assert len(dates) > CUSTOMERS
    assert max(dates) == AS_OF.isoformat()


def test_missing_customers(tmp_path: Path) -> None:
    """About the share asked for is absent from each source, and not the same ones."""
    known = [table.winners.keys() for table in tables(made(tmp_path, Dirt(missing=0.3)))]
    assert all(0.65 < len(ids) / CUSTOMERS < 0.75 for ids in known)
    assert 0.95 < len(set().union(*known)) / CUSTOMERS < 1


def test_duplicate_rows(tmp_path: Path) -> None:
    """About the share asked for comes again behind all others, with other values."""
    for table in tables(made(tmp_path, Dirt(duplicates=0.25))):
        first, again = table.rows[:CUSTOMERS], table.rows[CUSTOMERS:]
        assert 0.2 < len(again) / CUSTOMERS < 0.3
        by_id = {row["customer_id"]: row for row in first}
        assert len(by_id) == CUSTOMERS
        assert sum(by_id[row["customer_id"]] != row for row in again) > 0.9 * len(again)


def test_blank_cells(tmp_path: Path) -> None:
    """About the share asked for is empty, in every column but the key."""
    folder = made(tmp_path, Dirt(blanks=0.2))
    for table, columns in zip(tables(folder), COLUMNS.values(), strict=True):
        for column in columns[1:]:
            share = sum(row[column] is None for row in table.rows) / len(table.rows)
            assert 0.15 < share < 0.32, column  # a date of the last ticket is missing without one, too
        assert table.rejects == []
        assert len(table.rows) == CUSTOMERS


def test_unknown_values(tmp_path: Path) -> None:
    """About the share asked for is a value the scores do not know, where there are known ones."""
    assert 0.25 < unknown_share(tables(made(tmp_path, Dirt(unknown=0.3)))) < 0.35


def test_malformed_rows(tmp_path: Path) -> None:
    """Rows that cannot be read are both kinds, about the share asked for, and the rest is good."""
    for table in tables(made(tmp_path, Dirt(malformed=0.2))):
        too_long = sum(reject["reason"] == "too many fields" for reject in table.rejects)
        assert 0.07 < too_long / CUSTOMERS < 0.13
        assert 0.07 < (len(table.rejects) - too_long) / CUSTOMERS < 0.13
        assert len(table.rows) + len(table.rejects) == CUSTOMERS


@pytest.mark.parametrize("dirt", [CLEAN, Dirt(missing=1), Dirt(duplicates=1), Dirt(blanks=1), Dirt(unknown=1)])
def test_a_single_customer(tmp_path: Path, dirt: Dirt) -> None:
    """The smallest sample works, even when all of it is dirt."""
    result = merge(made(tmp_path / "data", dirt, customers=1), tmp_path / "store").result
    assert result["profiles_generated"] == (0 if dirt.missing else 1)


@pytest.mark.parametrize("customers", [0, -1])
def test_no_customers_are_refused(tmp_path: Path, customers: int) -> None:
    """Fewer than one customer is refused by value, and nothing is written."""
    with pytest.raises(TerminalError, match=f"customers is {customers}; it must be at least 1"):
        made(tmp_path / "data", customers=customers)
    assert not (tmp_path / "data").exists()


def unknown_share(found: list[Table]) -> float:
    """The share of cells with an unknown value, in the columns that have known ones."""
    values = [(column, row) for table in found for row in table.rows for column in KNOWN if column in row]
    return sum(word(row, column) not in KNOWN[column] for column, row in values) / len(values)
