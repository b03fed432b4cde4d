"""The orders of a day, page by page into SQLite, then a summary. It imports nothing of the project that checks it."""

import csv
import sqlite3
from pathlib import Path

from prefect import flow, task

PAGES = [[(1, 9.5), (2, 3.0)], [(3, 4.25)]]  # as the shop's API answers


@task(retries=1)
def load(page: int) -> None:
    """Insert a page's orders, unless it is marked as loaded."""
    db = sqlite3.connect("orders.db")
    if db.execute("select 1 from loaded where page = ?", [page]).fetchone():
        return
    db.executemany("insert into orders values (?, ?)", PAGES[page])
    db.commit()
    db.execute("insert or ignore into loaded values (?)", [page])
    db.commit()


@task(retries=1)
def summarize() -> None:
    """Write how many orders there are, and their total."""
    rows = sqlite3.connect("orders.db").execute("select count(*), sum(amount) from orders").fetchall()
    with Path("out/summary.csv").open("a") as file:
        csv.writer(file).writerows(rows)


@flow
def nightly() -> None:
    """All pages, then the summary."""
    for page in range(len(PAGES)):
        load(page)
    summarize()
