"""Twelve ways to write something. What harm a retry does stands behind the line that has just done its part."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from pathlib import Path

OUT = Path("out")


def connect() -> sqlite3.Connection:
    """The shop, which commits each statement."""
    shop = sqlite3.connect("shop.db", timeout=1, isolation_level=None)
    shop.execute("create table if not exists orders (number int, amount int)")
    shop.execute("create table if not exists keyed (key text primary key, number int)")
    shop.execute("create table if not exists markers (number int primary key)")
    return shop


def insert_without_key(number: int, _attempt: int) -> None:
    """A row more with each attempt."""
    shop = connect()
    shop.execute("insert into orders values (?, 3)", [number])  # harm: crash error repeat
    shop.close()


def upsert(number: int, _attempt: int) -> None:
    """One row, however often."""
    shop = connect()
    shop.execute(
        "insert into keyed values (?, ?) on conflict (key) do update set number = excluded.number", [number, 3]
    )
    shop.close()


def key_with_attempt(number: int, attempt: int) -> None:
    """A row for each attempt."""
    shop = connect()
    shop.execute("insert or ignore into keyed values (?, ?)", [f"{number}-{attempt}", number])  # harm: crash error
    shop.close()


def key_with_time(number: int, _attempt: int) -> None:
    """A row for each moment."""
    shop, key = connect(), f"{number}-{time.time_ns()}"
    shop.execute("insert or ignore into keyed values (?, ?)", [key, number])  # harm: crash error repeat
    shop.close()


def marker_before_effect(number: int, _attempt: int) -> None:
    """A second attempt takes the marker for the effect."""
    shop = connect()
    if not shop.execute("select 1 from markers where number = ?", [number]).fetchone():
        shop.execute("insert into markers values (?)", [number])  # harm: crash error
        shop.execute("insert into orders values (?, 3)", [number])
    shop.close()


def effect_before_marker(number: int, _attempt: int) -> None:
    """A second attempt has no marker to see."""
    shop = connect()
    if not shop.execute("select 1 from markers where number = ?", [number]).fetchone():
        shop.execute("insert into orders values (?, 3)", [number])  # harm: crash error
        shop.execute("insert or ignore into markers values (?)", [number])
    shop.close()


def check_then_act(number: int, _attempt: int) -> None:
    """Two attempts at once both find nothing."""
    shop = connect()
    if not shop.execute("select 1 from orders where number = ?", [number]).fetchone():  # harm: overlap
        shop.execute("insert into orders values (?, 3)", [number])
    shop.close()


def lock_file(number: int, _attempt: int) -> None:
    """The lock of a dead attempt stays."""
    os.close(os.open("shop.lock", os.O_CREAT | os.O_EXCL))  # harm: crash error
    upsert(number, 1)
    os.unlink("shop.lock")  # noqa: PTH108 — as the other one


def append(number: int, _attempt: int) -> None:
    """A line more with each attempt."""
    OUT.mkdir(exist_ok=True)
    file = os.open(OUT / "orders.txt", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(file, f"order {number}\n".encode())  # harm: crash error repeat
    os.close(file)


def write_then_rename(number: int, _attempt: int) -> None:
    """The whole file, or the one before."""
    OUT.mkdir(exist_ok=True)
    new = OUT / f"order-{number}.txt.new"
    new.write_text(f"order {number}\n")
    new.replace(OUT / f"order-{number}.txt")


def temporary_file(number: int, _attempt: int) -> None:
    """A dead attempt leaves its file, whose name no other attempt knows."""
    OUT.mkdir(exist_ok=True)
    file, name = tempfile.mkstemp(dir=OUT)  # harm: crash error
    os.write(file, f"order {number}\n".encode())
    os.close(file)
    Path(name).replace(OUT / f"order-{number}.txt")


def counter(number: int, _attempt: int) -> None:
    """Counts attempts, not orders."""
    OUT.mkdir(exist_ok=True)
    file = OUT / "counter.txt"
    count = int(file.read_text()) if file.exists() else 0
    file.write_text(str(count + number))  # harm: crash error repeat
    count = 0


ALL = (
    insert_without_key,
    upsert,
    key_with_attempt,
    key_with_time,
    marker_before_effect,
    effect_before_marker,
    check_then_act,
    lock_file,
    append,
    write_then_rename,
    temporary_file,
    counter,
)
