"""Writes seeded sample data of N customers as four CSV files: the same options always give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from shared.customers.schema import SOURCES
from shared.run.errors import TerminalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

CHUNK_ROWS = 1 << 18
AS_OF = date(2026, 1, 31)  # the latest date in the data by default, as in the committed sample

INDUSTRIES = ("Technology", "Healthcare", "Finance", "Retail", "Manufacturing", "Education")
DEAL_STAGES = ("Lead", "Qualified", "Proposal", "Negotiation", "Closed Won", "Enterprise")
PLANS = ("Starter", "Business", "Professional", "Enterprise")
PAYMENTS = ("Active", "Active", "Active", "Active", "Past Due", "Failed")
ACCOUNTS = ("Active", "Active", "Inactive", "Trial")
OWNERS = ("Ada Moreno", "Bjørn Larsen", "Chidi Okafor", "Dana Whitfield", "Emi Tanaka", "Farid Haddad")
NAMES = (
    "Northwind",
    "Blue Harbor",
    "Cedar & Sons",
    "Delta Works",
    "Évora Foods",
    "Fjord Analytics",
    "Granite",
    "Helios",
)
SUFFIXES = ("Inc", "Group", '"Holdings, Ltd"', "GmbH", '"""Labs"""')  # two of them need quotes in CSV
UNKNOWN = {"deal_stage": "Churned", "plan": "Legacy", "payment_status": "Pending", "account_status": "Locked"}
DIRTY_CELLS = {"last_contact": "2026-02-30", "mrr": "n/a", "usage_pct": "140", "nps_score": "9.5"}


@dataclass(frozen=True)
class Dirt:
    """Defects of real data. Each field is a share of a source's rows, from 0 (none, the default) to 1.

    Attributes:
        missing: Customers that a source does not have.
        duplicates: Rows that appear again later in the file with changed values.
        blanks: Empty cells, keys excepted.
        unknown: Values that the scores do not know, in columns with known values.
        malformed: Rows with a cell that cannot be read, or with one field too many.
    """

    missing: float = 0.0
    duplicates: float = 0.0
    blanks: float = 0.0
    unknown: float = 0.0
    malformed: float = 0.0


def generate(  # noqa: PLR0913 — what the data is
    out: Path,
    *,
    customers: int,
    seed: int,
    as_of: date = AS_OF,
    dirt: Dirt | None = None,
    advance: Callable[[int], None] | None = None,
) -> None:
    """Write the four sources of customers ``cust_00000001`` to ``cust_<customers>`` into the folder ``out``.

    Args:
        out: The folder, which is created if needed; files with the same names are replaced.
        customers: The number of customers, at least 1.
        seed: Any integer from 0; the same seed gives the same bytes.
        as_of: The latest date in the data. It never defaults to today, so that a sample can be generated again.
        dirt: Defects to add; none by default.
        advance: Called with the number of customers written to a source since the last call, in thousands at a time.
    """
    import numpy as np

    if customers < 1:
        raise TerminalError(f"customers is {customers}; it must be at least 1")
    out.mkdir(parents=True, exist_ok=True)
    for number, source in enumerate(SOURCES):
        with (out / source.file).open("wb") as file:
            file.write(",".join(column.name for column in source.columns).encode() + b"\n")
            for first in range(1, customers + 1, CHUNK_ROWS):
                rng = np.random.default_rng([seed, number, first])
                ids = np.arange(first, min(first + CHUNK_ROWS, customers + 1))
                file.write(_lines(source.name, ids, as_of, rng, dirt or Dirt()))
                if advance:
                    advance(len(ids))


def _lines(source: str, ids: npt.NDArray[np.int64], as_of: date, rng: np.random.Generator, dirt: Dirt) -> bytes:
    """Return one chunk of a source as CSV lines: its customers in order, then the repeated rows."""
    ids = ids[rng.random(len(ids)) >= dirt.missing]
    again = ids[rng.random(len(ids)) < dirt.duplicates]
    return b"".join(_rows(source, part, as_of, rng, dirt) for part in (ids, again) if len(part))


def _rows(source: str, ids: npt.NDArray[np.int64], as_of: date, rng: np.random.Generator, dirt: Dirt) -> bytes:
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = _MAKERS[source](_Draw(rng, ids, as_of))
    names = [column.name for column in next(s for s in SOURCES if s.name == source).columns[1:]]
    arrays = [
        _dirty(pa.array(cell).cast(pa.string()), name, rng, dirt) for name, cell in zip(names, cells, strict=True)
    ]
    lines = pc.binary_join_element_wise(_customer_ids(ids), *arrays, ",")
    broken = pa.array(rng.random(len(ids)) < dirt.malformed / 2)
    lines = pc.if_else(broken, pc.binary_join_element_wise(lines, "one field too many", ","), lines)
    joined = pc.binary_join(pa.LargeListArray.from_arrays(pa.array([0, len(lines)]), lines), "\n")
    lines_text: bytes = joined[0].as_buffer().to_pybytes()
    return lines_text + b"\n"


def _customer_ids(ids: npt.NDArray[np.int64]) -> Any:  # noqa: ANN401 — pyarrow ships no types
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.binary_join_element_wise("cust_", pc.utf8_lpad(pa.array(ids).cast(pa.string()), 8, "0"), "")


def _dirty(cells: Any, name: str, rng: np.random.Generator, dirt: Dirt) -> Any:  # noqa: ANN401 — pyarrow ships no types
    import pyarrow as pa
    import pyarrow.compute as pc

    for share, value in (
        (dirt.unknown, UNKNOWN.get(name)),
        (dirt.blanks, ""),
        (dirt.malformed / 2, DIRTY_CELLS.get(name)),
    ):
        if share and value is not None:
            cells = pc.if_else(pa.array(rng.random(len(cells)) < share), value, cells)
    return cells


@dataclass(frozen=True)
class _Draw:
    """Draws random columns for one chunk: numpy arrays with one value per customer in ``ids``."""

    rng: np.random.Generator
    ids: npt.NDArray[np.int64]
    as_of: date

    def whole(self, low: int, high: int) -> npt.NDArray[np.int64]:
        """Whole numbers from low to high, both inclusive."""
        return self.rng.integers(low, high, size=len(self.ids), endpoint=True)

    def of(self, values: Sequence[str]) -> npt.NDArray[np.str_]:
        """Draw from some values with equal probability."""
        import numpy as np

        return np.asarray(values)[self.whole(0, len(values) - 1)]

    def tenths(self, low: int, high: int) -> npt.NDArray[np.float64]:
        """Numbers with one decimal from low to high, both inclusive."""
        return self.whole(low * 10, high * 10) / 10

    def day(self, oldest: int) -> npt.NDArray[np.datetime64]:
        """Draw dates up to ``oldest`` days before the as-of date."""
        import numpy as np

        return np.datetime64(self.as_of, "D") - self.whole(0, oldest)

    def email(self, box: str) -> Any:  # noqa: ANN401 — pyarrow ships no types
        """Make an email address for each customer, in the given mailbox."""
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.binary_join_element_wise(box, pa.array(self.ids).cast(pa.string()), "@customer.example", "")


def _crm(draw: _Draw) -> list[Any]:
    names = [
        f'"{name} {suffix[1:]}' if suffix[0] == '"' else f"{name} {suffix}" for name in NAMES for suffix in SUFFIXES
    ]
    return [
        draw.email("contact"),
        draw.of(names),
        draw.of(INDUSTRIES),
        draw.of(DEAL_STAGES),
        draw.of(OWNERS),
        draw.whole(5, 5_000),
        draw.whole(10, 2_500) * 100,
        draw.day(180),
    ]


def _billing(draw: _Draw) -> list[Any]:
    return [
        draw.email("billing"),
        draw.of(PLANS),
        draw.whole(29, 4_999),
        draw.of(PAYMENTS),
        draw.day(1_500),
        draw.day(45),
    ]


def _product(draw: _Draw) -> list[Any]:
    return [
        draw.email("user"),
        draw.day(1_500),
        draw.day(90),
        draw.whole(0, 900),
        draw.whole(0, 24),
        draw.whole(0, 100),
        draw.of(ACCOUNTS),
    ]


def _support(draw: _Draw) -> list[Any]:
    import numpy as np

    tickets = draw.whole(0, 12)
    open_tickets = np.minimum(tickets, draw.whole(0, 6))
    last = np.where(tickets > 0, draw.day(365).astype(str), "")
    return [draw.email("help"), tickets, open_tickets, draw.tenths(0, 96), last, draw.whole(0, 10), draw.tenths(1, 5)]


_MAKERS = {"crm": _crm, "billing": _billing, "product": _product, "support": _support}
