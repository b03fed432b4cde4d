"""How DuckDB is made to read a source: every column as text, rows numbered, nothing skipped in silence."""

from __future__ import annotations

import glob
import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from shared.customers.lines import BrokenCsvError
from shared.customers.survey import survey
from shared.run.errors import TerminalError
from shared.run.urls import is_local

if TYPE_CHECKING:
    from shared.customers.inputs import Inputs
    from shared.customers.rejects import Rejects
    from shared.customers.schema import Source
    from shared.customers.survey import Survey

logger = logging.getLogger("shardwise")

_NEWLINES = {b"\n": r"\n", b"\r\n": r"\r\n", b"\r": r"\r"}


def surveyed(inputs: Inputs, source: Source, header: list[str]) -> Survey:
    """What a source holds; a TerminalError when nobody can tell its rows apart."""
    try:
        return survey(inputs.open(source.file), len(header))
    except BrokenCsvError as error:
        raise inputs.unreadable(source, str(error)) from error


@dataclass(frozen=True)
class Scan:
    """How a source is read.

    Attributes:
        source: Which source.
        header: The file's columns in its order.
        found: What the file holds.
        at_most: How many rejects of it are kept; a run that meets as many fails.
        sql: A query over all rows as text, numbered in file order by ``file_row``.
    """

    source: Source
    header: list[str]
    found: Survey
    at_most: int
    sql: str

    @property
    def cells(self) -> int:
        """How many are read of the file."""
        return self.found.records * len(self.source.columns)

    @classmethod
    def of(cls, inputs: Inputs, source: Source, header: list[str], found: Survey, *, at_most: int) -> Self:
        """The scan of a source; what nothing reads of it is logged."""
        wanted = {column.name for column in source.columns}
        if extra := [name for name in header if name not in wanted]:
            logger.warning("%s: columns that nothing reads are ignored: %s", source.file, ", ".join(extra))
        path = inputs.path(source.file)
        path = path if is_local(inputs.url) else inputs.files.unstrip_protocol(path)
        names = [name if name in wanted else f"ignored {position}" for position, name in enumerate(header)]
        return cls(source, header, found, at_most, _sql(path, names, found, at_most))


def _sql(path: str, names: list[str], found: Survey, at_most: int) -> str:
    """DuckDB's reader, held to what is in the file.

    DuckDB takes the first line end for that of all rows, even one within a quoted name; it lets fields too many pass
    when they hold its null string, the empty one unless another is named; without ``store_rejects`` it stops at a row
    of broken quoting, and it keeps an error for each cell that is missing; and a folder named ``plan=free`` would
    overwrite every plan.
    """
    columns = ", ".join(f"'{name}': 'varchar'" for name in names)
    quoted = glob.escape(path).replace("'", "''")
    return (
        f"(select *, row_number() over () as file_row from read_csv('{quoted}', header = true, auto_detect = false, "
        f"delim = ',', quote = '\"', escape = '\"', new_line = '{_NEWLINES[found.newline]}', "
        f"nullstr = '{secrets.token_hex(16)}', columns = {{{columns}}}, hive_partitioning = false, "
        f"store_rejects = true, rejects_limit = {at_most * (len(names) + 4)}))"
    )


def check_count(inputs: Inputs, scan: Scan, accepted: int, rejects: Rejects) -> None:
    """Refuse a source of which rows were lost, split or made up while it was read.

    Where it has rejects as well, they are what to mend: DuckDB can lose its place behind rows that it cannot read.

    Raises:
        TerminalError: Rows accepted and rejected are not as many as the records that were counted apart.
    """
    if accepted + len(rejects) == scan.found.records:
        return
    near, remedy = (
        "",
        "save it again as plain CSV, with quotes around each value that has quotes, commas or line breaks",
    )
    if len(rejects):
        (first,) = rejects.first(1)
        near = f", the first near line {first['line']} ({first['reason']})"
        remedy = f"rows are lost beside so many that cannot be read: mend those, or {remedy}"
    raise TerminalError(
        f"{scan.source.file} in {inputs.url} has {scan.found.records:,} records, of which {accepted:,} were read "
        f"and {len(rejects):,} rejected{near}; {remedy}"
    )
