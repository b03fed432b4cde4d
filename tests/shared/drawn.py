"""Hypothesis strategies: small data folders with the mistakes and oddities of real ones, and jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from shared.customers.schema import SOURCES, CsvColumn, Source
from shared.faults.plan import KINDS, ON_SHARDS, ON_STAGING, Fault
from shared.run.job import Job
from shared.run.policy import shard_policy
from shared.run.settings import MAX_SHARDS
from shared.run.step_names import AGGREGATE, STAGE, shard_step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Record = list[str]

IDS = ["a", "b", "C", "7", "007", " a ", "\tb", "é", "名前", "a,b", 'say "x"', "two\nlines", "🙂", "zz"]
TEXTS = ["x", " x ", "NA", "null", "nan", "a,b", '"', 'say "x"', "two\nlines", "cr\rlf\r\n", "Évora", "🙂", "\t"]
ODD = {
    "text": TEXTS,
    "int": ["-3", "12.7", "1e3", " 12", "0x1F", "99999999999999999999", "nan", "x", "1_000", "101"],
    "float": ["0.9", "1e16", "1e-7", "123456789.125", "-0", "inf", "nan", "1e400", "1,5", "-1", "5.1", "0x1F"],
    "date": ["2026-02-30", "2026-1-1", "31.01.2026", "2026-01-31 ", "20260131", "0000-01-01", "2026-01-31T00:00:00"],
}


@dataclass(frozen=True)
class File:
    """One source's file, cell by cell.

    Attributes:
        header: Its columns, in its order.
        records: Its rows; some have a cell more or less than the header.
        newline: Ends each line.
        bom: Whether it starts with a byte order mark.
        quote_all: Whether every cell is quoted, or only those that need it.
        last_newline: Whether the last line is ended too.
    """

    header: Record
    records: list[Record]
    newline: str = "\n"
    bom: bool = False
    quote_all: bool = False
    last_newline: bool = True

    def content(self) -> bytes:
        """The file's bytes."""
        lines = [",".join(map(self._quoted, record)) for record in [self.header, *self.records]]
        text = self.newline.join(lines) + (self.newline if self.last_newline else "")
        return text.encode("utf-8-sig" if self.bom else "utf-8")

    def _quoted(self, cell: str) -> str:
        needed = self.quote_all or any(letter in cell for letter in '",\r\n')
        return '"{}"'.format(cell.replace('"', '""')) if needed else cell


Data = dict[str, File]


def write(folder: Path, data: Data) -> Path:
    """Write drawn files into a folder; return it."""
    folder.mkdir()
    for name, file in data.items():
        (folder / f"{name}.csv").write_bytes(file.content())
    return folder


def data() -> st.SearchStrategy[Data]:
    """Four files with every oddity."""
    return st.fixed_dictionaries({source.name: files(source) for source in SOURCES})


@st.composite
def files(draw: st.DrawFn, source: Source) -> File:
    """One source: columns in any order, perhaps one that nobody knows, and up to eight rows, most of them good."""
    columns = draw(
        st.permutations([*source.columns, CsvColumn("note")][: len(source.columns) + draw(st.integers(0, 1))])
    )
    good = st.tuples(*map(good_cells, columns)).map(list)
    odd = st.tuples(*(good_cells(column) | odd_cells(column) for column in columns)).map(list)
    shorter, longer = good.map(lambda record: record[:-1]), good.map(lambda record: [*record, ""])
    return File(
        header=[column.name for column in columns],
        records=draw(st.lists(st.one_of(good, good, good, odd, shorter, longer), max_size=8)),
        newline=draw(st.sampled_from(["\n", "\r\n"])),
        bom=draw(st.booleans()),
        quote_all=draw(st.booleans()),
        last_newline=draw(st.booleans()),
    )


def good_cells(column: CsvColumn) -> st.SearchStrategy[str]:
    """Text that a column takes: blank, usual, or unusual."""
    if column.name == "customer_id":
        return st.sampled_from(IDS)
    low, high = column.low, column.high
    values: dict[str, st.SearchStrategy[str]] = {
        "text": st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
        "int": st.integers(int(low or 0), int(high or 9_999)).map(str) | st.sampled_from(["007", "+5", "3"]),
        "float": st.floats(low, high, allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(["4.", "+2"]),
        "date": st.dates().map(str),
    }
    spellings = [text for word in column.known for text in _spellings(word)]
    usual = st.sampled_from(spellings) if spellings else values[column.kind]
    return st.one_of(usual, usual, values[column.kind], st.sampled_from(["", " "]))


def odd_cells(column: CsvColumn) -> st.SearchStrategy[str]:
    """Text that most columns of this kind refuse."""
    return st.sampled_from(["", " "] if column.name == "customer_id" else ODD[column.kind])


def _spellings(word: str) -> list[str]:
    return [word, word.upper(), word.title(), f" {word} ", word.replace("_", "-"), word.replace("_", " ")]


@st.composite
def shuffled(draw: st.DrawFn, file: File) -> File:
    """The same rows in another order, in which each customer's rows keep theirs, and columns in another order."""
    order = draw(st.permutations(range(len(file.header))))
    good = [record for record in file.records if len(record) == len(file.header)]
    key = file.header.index("customer_id")
    customers = draw(st.permutations([record[key].strip() for record in good]))
    queues = {c: iter([record for record in good if record[key].strip() == c]) for c in customers}
    return File([file.header[i] for i in order], list(_reordered(customers, queues, order)))


def _reordered(customers: list[str], queues: dict[str, Iterator[Record]], order: list[int]) -> Iterator[Record]:
    for customer in customers:
        record = next(queues[customer])
        yield [record[i] for i in order]


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Any job that can run."""
    num_shards = draw(st.integers(1, MAX_SHARDS))
    shards = st.integers(0, num_shards - 1).map(shard_step)
    anywhere, in_shards, in_staging = KINDS.keys() - ON_SHARDS.keys() - ON_STAGING.keys(), ON_SHARDS, ON_STAGING
    faults = st.one_of(
        _faults(anywhere, shards | st.sampled_from([STAGE, AGGREGATE])),
        _faults(in_shards, shards),
        _faults(in_staging, st.just(STAGE)),
    )
    plain = st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
    return Job(
        run_id=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", fullmatch=True)),
        data_url=draw(st.text().filter(lambda text: not text or text.strip())),
        store_url=draw(st.text(min_size=1).filter(str.strip)),
        num_shards=num_shards,
        pipeline=draw(st.text(min_size=1).filter(str.strip)),
        parameters=draw(st.dictionaries(st.text(), plain, max_size=3)),
        engine=draw(st.sampled_from(["local", "prefect", "render"])),
        invocation=draw(st.integers(0, 99)),
        faults=tuple(draw(st.lists(faults, max_size=3))),
    )


def _faults(kinds: Iterable[str], steps: st.SearchStrategy[str]) -> st.SearchStrategy[Fault]:
    attempts = st.lists(st.integers(1, shard_policy().max_attempts), min_size=1, max_size=3).map(tuple)
    return st.builds(Fault, st.sampled_from(sorted(kinds)), steps, attempts)
