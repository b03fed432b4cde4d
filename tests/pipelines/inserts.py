"""A job whose shards insert orders into a SQLite database: with a key, which is safe to retry, and without one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.run.pipeline import Context

ORDERS = 500


@dataclass(frozen=True)
class Parameters:
    """Where the orders go, a file of this machine."""

    database: str = "orders.sqlite"


class Inserts:
    """Orders 1 to 500, each on the shard of its number; a shard's file lists what it inserted."""

    name = "inserts"
    version = 1
    suffix = ".json"
    parameters = Parameters
    table = "orders"
    unique = ", unique (run, number)"

    def process_shard(self, context: Context, shard_id: int, path: Path) -> dict[str, Any]:
        """Insert the shard's orders, all or none, then write down which."""
        numbers = range(shard_id + 1, ORDERS + 1, context.num_shards)
        with closing(self.connect(context)) as database, database:
            rows = [(context.run_id, number, 3 * number) for number in numbers]
            database.executemany(f"insert or ignore into {self.table} values (?, ?, ?)", rows)
        path.write_text(json.dumps(list(numbers)))
        return {"orders": len(numbers)}

    def aggregate(self, context: Context, shards: list[dict[str, Any]]) -> dict[str, Any]:
        """How many orders there are, in the database too."""
        del context
        return {"orders": sum(facts["orders"] for facts in shards)}

    def records(self, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        """One record per order."""
        yield from ((str(number), {"amount": 3 * number}) for number in json.loads(path.read_text()))

    def verify(self, context: Context, result: dict[str, Any]) -> list[str]:
        """Orders that are in the database more than once, or not at all."""
        query = f"select number, count(*) from {self.table} where run = ? group by number"
        with closing(self.connect(context)) as database:
            found = dict(database.execute(query, [context.run_id]).fetchall())
        twice = [f"order {number} is in the database {count} times" for number, count in found.items() if count > 1]
        missing = [
            f"order {number} is missing" for number in range(1, result.get("orders", 0) + 1) if number not in found
        ]
        return twice + missing

    def connect(self, context: Context) -> sqlite3.Connection:
        """The database, with its table; it waits for other shards."""
        database = sqlite3.connect(context.parameters.database, timeout=60)
        database.execute(f"create table if not exists {self.table} (run text, number int, amount int{self.unique})")
        return database


class InsertsWithoutKey(Inserts):
    """The same without a check for existing orders."""

    name = "inserts-without-key"
    table = "orders_without_key"
    unique = ""


with_key = Inserts()
without_key = InsertsWithoutKey()
