"""Rows that cannot be used: which, why, and how a person is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from shared.customers.cells import key_sql, reason_sql, refused_sql, value_sql
from shared.customers.csv_errors import VALUE_LENGTH, structural_errors
from shared.customers.lines import lines_of
from shared.customers.schema import KEY
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from shared.customers.inputs import Inputs
    from shared.customers.pipeline import Parameters
    from shared.customers.schema import Source

COLUMNS = ["source", "line", "record", "column", "value", "reason"]
SHOWN_LENGTH = 80  # characters shown in a message


@dataclass(frozen=True)
class Rejects:
    """Rejected rows, at most one reject a row: its leftmost bad column.

    Attributes:
        frame: Columns ``source``, ``line`` (of the file, in which the record begins), ``record`` (its number, header =
            1), ``column``, ``value``, ``reason`` and ``customer_id`` (missing where none can be read); sources in the
            schema's order, lines ascending.
    """

    frame: pd.DataFrame

    def __len__(self) -> int:
        """How many rows were rejected."""
        return len(self.frame)

    @classmethod
    def concat(cls, parts: list[Self]) -> Self:
        """All parts, in the order given."""
        import pandas as pd

        return cls(pd.concat([part.frame for part in parts], ignore_index=True))

    def write_csv(self, path: Path) -> Path:
        """Write the columns a person needs, readable by the owner alone: values are personal data."""
        path.touch(0o600)
        self.frame[COLUMNS].to_csv(path, index=False, lineterminator="\n")
        return path

    def first(self, count: int) -> list[dict[str, Any]]:
        """The first few, for a message."""
        return [
            {str(name): value for name, value in row.items()}
            for row in self.frame[COLUMNS].head(count).to_dict("records")
        ]

    def customer_ids(self) -> pa.Table:
        """The ids that could be read, one column, as often as they were rejected."""
        import pyarrow as pa

        ids = pa.array(self.frame[KEY].dropna(), pa.string())
        return pa.table({KEY: ids})


def check_limit(parameters: Parameters, staged: dict[str, Any], rejects_url: str) -> None:
    """Fail the run when more rows were rejected than it allows.

    Raises:
        TerminalError: Naming the first five rows and the file with all of them.
    """
    rejects = staged["rejects"]
    accepted = sum(source["rows"] for source in staged["sources"].values())
    if rejects <= allowed_rejects(parameters.max_rejects, accepted + rejects):
        return
    shown = "\n".join(f"  {_sentence(reject, redact=parameters.redact)}" for reject in staged["first_rejects"])
    raise TerminalError(
        f"{rejects:,} of {accepted + rejects:,} rows cannot be used, max_rejects is {parameters.max_rejects}; "
        "the first:\n"
        f"{shown}\nAll of them: {rejects_url}\nFix the input files, or allow some by --max-rejects."
    )


def allowed_rejects(limit: str, rows: int) -> float:
    """The number of rows a limit like ``10`` or ``0.5%`` allows out of ``rows``."""
    return rows * float(limit[:-1]) / 100 if limit.endswith("%") else int(limit)


def _sentence(reject: dict[str, Any], *, redact: bool) -> str:
    value = reject["value"] if len(reject["value"]) <= SHOWN_LENGTH else reject["value"][:SHOWN_LENGTH] + "…"
    shown = "" if redact else f" {value!r}"
    column = f", column {reject['column']}:" if reject["column"] else ":"
    return f"{reject['source']}.csv line {reject['line']}{column}{shown} {reject['reason']}"


def find_rejects(  # noqa: PLR0913, PLR0917 — what was read, and how
    connection: duckdb.DuckDBPyConnection,
    inputs: Inputs,
    source: Source,
    header: list[str],
    scan: str,
    refused: list[int],
) -> Rejects:
    """Tell why rows of one source were rejected, after it was read with ``store_rejects`` on the same connection.

    Args:
        connection: Holds DuckDB's own table of structural errors.
        inputs: Where the source is.
        source: Which source.
        header: The file's columns in its order: the leftmost bad one is named.
        scan: A query over the rows that were read, with ``file_row``.
        refused: The row numbers, from 1, of those with a refused cell.
    """
    import pandas as pd

    frame = structural_errors(connection, inputs, source)
    if refused:  # else not worth its cost, the larger part of staging a small source
        cells = _refused_cells(connection, source, header, scan, refused)
        cells["record"] = _record_numbers(cells["record"], frame["record"])
        cells = cells.sort_values("record", ignore_index=True)
        cells["line"] = lines_of(inputs.open(source), cells["record"].to_numpy())
        frame = pd.concat([frame, cells], ignore_index=True).sort_values("record", kind="stable", ignore_index=True)
    return Rejects(frame.assign(source=source.name)[[*COLUMNS, KEY]])


def _refused_cells(
    connection: duckdb.DuckDBPyConnection, source: Source, header: list[str], scan: str, refused: list[int]
) -> pd.DataFrame:
    """One row per record with a refused cell; ``record`` is still its number among those that were read."""
    import pyarrow as pa

    by_name = {column.name: column for column in source.columns}
    columns = [by_name[name] for name in header if name in by_name]
    bad = {c.name: refused_sql(c, f"({value_sql(c)})") for c in columns if c.kind != "text"} | {
        KEY: f"({key_sql(KEY)}) is null"
    }
    named = {c.name: (reason_sql(c) if c.kind != "text" else "'blank customer_id'") for c in columns if c.name in bad}
    connection.register("refused_rows", pa.table({"row": pa.array(refused, pa.int64())}))
    cells = connection.sql(
        f"""select file_row as record, {_first(bad, {n: f"'{n}'" for n in named})} as "column",
        left(coalesce({_first(bad, {n: f'"{n}"' for n in named})}, ''), {VALUE_LENGTH}) as "value",
        {_first(bad, named)} as reason, {key_sql(KEY)} as {KEY}, {_every_cell(source)} as cells
        from {scan} semi join refused_rows on file_row = "row" """
    )
    frame: pd.DataFrame = cells.df().drop(columns="cells")
    return frame


def _every_cell(source: Source) -> str:
    """Has DuckDB read the cells that staging read: it numbers a row that is not UTF-8 when it skips the bad cell."""
    names = ", ".join(f'"{column.name}"' for column in source.columns)
    return f"row({names})"


def _first(bad: dict[str, str], values: dict[str, str]) -> str:
    """A CASE that takes the value of the leftmost column that is bad."""
    return "case " + " ".join(f"when {bad[name]} then {value}" for name, value in values.items()) + " end"


def _record_numbers(rows: pd.Series[int], structural: pd.Series[int]) -> pd.Series[int]:
    """The record number (header = 1) of the n-th row read, when structural errors were skipped in counting.

    The i-th (from 0) structural error, record R, had R - 2 - i good rows before it, so it shifts every row after those.
    """
    import numpy as np

    bad = structural.to_numpy(dtype=np.int64)
    good_before = bad - 2 - np.arange(len(bad))
    return rows + 1 + np.searchsorted(good_before, rows.to_numpy(dtype=np.int64) - 1, side="right")
