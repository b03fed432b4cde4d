"""Five tasks of ten lines that are safe to retry, also as a pipeline; part "check" copies this into a folder."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

DATABASE, OUT = "shop.db", Path("out")


def load(day: int) -> int:
    """The orders of a day, as a shop's API answers."""
    database = sqlite3.connect(DATABASE, timeout=10, isolation_level=None)
    database.execute("create table if not exists orders (order_id integer primary key, day int, amount real)")
    first = day * 10
    amounts = (1.5, 2.5, 3.5)
    orders = []
    for number, amount in enumerate(amounts):
        orders.append((first + number, day, amount))
    database.executemany("insert or ignore into orders values (?, ?, ?)", orders)
    database.close()
    return len(orders)


def convert(day: int) -> int:
    """Their amounts in another currency."""
    database = sqlite3.connect(DATABASE, timeout=10, isolation_level=None)
    database.execute("create table if not exists converted (order_id integer primary key, cents int)")
    rows = database.execute("select order_id, amount from orders where day = ?", [day]).fetchall()
    converted = []
    for order_id, amount in rows:
        cents = round(amount * 108)
        converted.append((order_id, cents))
    database.executemany("insert or replace into converted values (?, ?)", converted)
    database.close()
    return len(converted)


def total(day: int) -> int:
    """One row for the day."""
    database = sqlite3.connect(DATABASE, timeout=10, isolation_level=None)
    database.execute("create table if not exists days (day integer primary key, orders int, cents int)")
    query = "select amount from orders where day = ?"
    rows = database.execute(query, [day]).fetchall()
    cents = 0
    for row in rows:
        cents += round(row[0] * 100)
    database.execute("insert or replace into days values (?, ?, ?)", [day, len(rows), cents])
    database.close()
    return cents


def export(day: int) -> int:
    """The orders of the day as a file."""
    database = sqlite3.connect(DATABASE, timeout=10, isolation_level=None)
    rows = database.execute("select * from orders where day = ? order by order_id", [day]).fetchall()
    database.close()
    lines = ["order_id,day,amount"]
    for row in rows:
        lines.append(",".join(map(str, row)))  # noqa: PERF401 — lines are what is measured
    new = OUT / f"orders-{day}.csv.new"
    new.write_text("\n".join(lines) + "\n")
    new.replace(OUT / f"orders-{day}.csv")
    return len(lines)


def report(day: int) -> int:
    """A sentence about the day."""
    database = sqlite3.connect(DATABASE, timeout=10, isolation_level=None)
    found = database.execute("select orders, cents from days where day = ?", [day]).fetchone()
    database.close()
    orders, cents = found
    text = f"day {day}: {orders} orders"
    if cents:
        text += f", {cents / 100:.2f} altogether"
    new = OUT / f"report-{day}.txt.new"
    new.write_text(text)
    new.replace(OUT / f"report-{day}.txt")
    return len(text)


class Nightly:
    """The same work as steps: three of them are shards."""

    name = "nightly"
    version = 1

    def stage(self, _context: object, _folder: Path) -> dict[str, Any]:
        """Load."""
        return {"orders": load(7)}

    def process_shard(self, _context: object, shard_id: int, path: Path) -> dict[str, Any]:
        """One of the tasks in the middle, which do not depend on each other."""
        path.write_text(str((convert, total, export)[shard_id](7)))
        return {}

    def aggregate(self, _context: object, shards: list[dict[str, Any]]) -> dict[str, Any]:
        """Report."""
        return {"shards": len(shards), "characters": report(7)}


nightly = Nightly()
