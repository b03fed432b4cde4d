"""Four tables → one profile per customer: a full outer join on the id, last row wins, email by precedence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.customers.schema import EMAIL, KEY, SOURCES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


@dataclass(frozen=True)
class Aligned:
    """The winning rows of every source, side by side.

    Attributes:
        ids: All customers of the shard, sorted by code point, each once.
        rows: One frame per source by name, a row per customer in the order of ``ids``; all missing where it has none.
        present: By source name, whether the source has the customer.
        duplicates: By source name, rows that lost against a later one of the same customer.
    """

    ids: pd.Series[str]
    rows: dict[str, pd.DataFrame]
    present: dict[str, npt.NDArray[np.bool_]]
    duplicates: dict[str, int]


def align(tables: dict[str, pd.DataFrame]) -> Aligned:
    """Bring the tables of one shard, by source name and in file order, to one row per customer."""
    import numpy as np
    import pandas as pd

    keys = pd.concat([table[KEY] for table in tables.values()], ignore_index=True)
    codes, ids = pd.factorize(keys, sort=True)
    parts = np.split(codes, np.cumsum([len(table) for table in tables.values()])[:-1])
    winners = {name: _last_rows(part, len(ids)) for name, part in zip(tables, parts, strict=True)}
    return Aligned(
        ids=pd.Series(ids, name=KEY, dtype=keys.dtype),
        rows={name: table.reindex(winners[name]).reset_index(drop=True) for name, table in tables.items()},
        present={name: rows >= 0 for name, rows in winners.items()},
        duplicates={name: len(table) - int((winners[name] >= 0).sum()) for name, table in tables.items()},
    )


def merge(aligned: Aligned) -> pd.DataFrame:
    """One profile per customer, the merged columns in contract order, rows in the order of the ids."""
    import pandas as pd

    rows = [aligned.rows[source.name] for source in SOURCES]
    email = rows[0][EMAIL]
    for other in rows[1:]:
        email = email.combine_first(other[EMAIL])
    own = [
        frame[[column.name for column in source.profile_columns]] for source, frame in zip(SOURCES, rows, strict=True)
    ]
    return pd.concat([aligned.ids, email, *own], axis="columns")


def _last_rows(codes: npt.NDArray[np.intp], customers: int) -> npt.NDArray[np.intp]:
    """The position of each customer's last row, -1 without one: numpy keeps the last of repeated assignments."""
    import numpy as np

    rows = np.full(customers, -1)
    rows[codes] = np.arange(len(codes))
    return rows
