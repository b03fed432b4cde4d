"""State in a database with a server: PostgreSQL, by whichever driver is installed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg  # type: ignore[import-untyped]
import pytest

from shared.run.errors import TerminalError
from shared.state.difference import Kind, differences
from shared.state.named import source_of
from shared.state.varying import find_varying, leave_out
from tests.deployments.postgres import running_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHOP = """
create table customers (customer_id serial primary key, name text);
create table orders (
    order_id bigint generated always as identity primary key, customer_id int references customers, amount numeric,
    details jsonb, paid bool, at timestamptz default now()
);
insert into customers (name) values ('Ada'), ('Grace');
insert into orders (customer_id, amount, details, paid) values (1, 9.50, '{"gift": true}', true);
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a shop's database, as a person types it."""
    with running_postgres() as server:
        plain = server.replace("+asyncpg", "")
        execute(plain, SHOP)
        yield plain


def execute(url: str, statements: str) -> None:
    """Run statements, each committed."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statements)
        await connection.close()

    asyncio.run(run())


def test_rows_that_were_written_twice_are_named_by_what_they_hold(url: str, tmp_path: Path) -> None:
    """Their serial numbers and times differ; those are what two equal runs do not agree on either."""
    source = source_of(url, tmp_path)
    assert (source.files, source.elsewhere) == ((), False)
    before = source.read()
    assert before["orders"].rows[0][:5] == (1, 1, "9.50", '{"gift": true}', True)
    assert before["orders"].generated == ("order_id", "customer_id")
    add = "insert into orders (customer_id, amount) values (2, 3)"
    execute(url, add)
    once = source.read()
    execute(url, f"delete from orders where amount = 3; {add}")
    again = source.read()
    varying = find_varying(once, again)
    assert [str(each) for each in varying] == ["orders: order_id", "times in orders: at"]
    expected = leave_out(again, varying)
    execute(url, add)
    [found] = differences(expected, leave_out(source.read(), varying))
    assert (found.table, found.kind, found.count) == ("orders", Kind.DUPLICATE, 1)


def test_some_tables_of_a_database(url: str, tmp_path: Path) -> None:
    """?table= names them; a missing table, a wrong password and a wrong database are reported."""
    assert source_of(f"{url}?table=customers", tmp_path).read().keys() == {"customers"}
    with pytest.raises(TerminalError, match="has no table payments; it has customers, orders"):
        source_of(f"{url}?table=payments", tmp_path).read()
    with pytest.raises(TerminalError, match='cannot be read: database "away" does not exist'):
        source_of(f"{url.rpartition('/')[0]}/away", tmp_path).read()


def test_an_async_driver_in_the_url_is_used(url: str, tmp_path: Path) -> None:
    """As Prefect's own setting names its database."""
    source = source_of(url.replace("://", "+asyncpg://"), tmp_path)
    assert source.read().keys() == {"customers", "orders"}


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    """Without the password."""
    with pytest.raises(TerminalError, match="cannot be read") as told:
        source_of("postgresql://ada:secret@127.0.0.1:1/shop", tmp_path).read()
    assert "secret" not in str(told.value)
