"""State in a database that SQLAlchemy reaches: all tables, or those that ``?table=`` names."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from shared.run.errors import TerminalError
from shared.state.contents import SIDE_FILES, read_sqlite
from shared.state.source import HERE
from shared.state.table import Table, cell

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import URL, Connection
    from sqlalchemy.engine.reflection import Inspector

    from shared.state.table import State

# If a URL names no driver, the first installed one of these reads the database.
DRIVERS = {
    "postgresql": ("psycopg", "psycopg2", "pg8000", "asyncpg"),
    "mysql": ("pymysql", "mysqldb", "mysqlconnector"),
}


def is_database(scheme: str) -> bool:
    """Whether SQLAlchemy has a dialect for the scheme of a URL."""
    from sqlalchemy.dialects import registry
    from sqlalchemy.exc import NoSuchModuleError

    try:
        registry.load(scheme.partition("+")[0])
    except NoSuchModuleError:
        return False
    except ImportError:
        return True
    return True


@dataclass(frozen=True)
class Database:
    """A ``Source`` for a database.

    Attributes:
        url: The URL with its password.
        tables: The tables to read; empty for all.
    """

    name: str
    url: URL = field(repr=False)
    tables: tuple[str, ...]
    folder: Path

    @classmethod
    def at(cls, text: str, folder: Path) -> Self:
        """Return the source for a URL; a TerminalError if the URL is invalid."""
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(text)
        except ArgumentError as error:
            raise TerminalError(f"--watch: {error}") from error
        named = url.query.get("table", ())
        tables = (named,) if isinstance(named, str) else named
        url = url.difference_update_query(["table"])
        return cls(url.render_as_string(hide_password=True), url, tables, folder)

    @property
    def files(self) -> tuple[Path, ...]:
        """The database file of SQLite; empty for other databases."""
        if (path := self._file) is None:
            return ()
        return (path, *(path.with_name(path.name + side) for side in SIDE_FILES))

    @property
    def elsewhere(self) -> bool:
        """Whether the database's server is on another machine."""
        return self._file is None and (self.url.host or "") not in HERE

    @property
    def _file(self) -> Path | None:
        if self.url.get_backend_name() != "sqlite" or not self.url.database or self.url.database == ":memory:":
            return None
        return self.folder / self.url.database

    def read(self) -> State:
        """Read the tables of the default schema by name."""
        found = self._reflected() if (path := self._file) is None else self._from_file(path)
        if found and (missing := [name for name in self.tables if name not in found]):
            raise TerminalError(f"--watch {self.name} has no table {', '.join(missing)}; it has {', '.join(found)}")
        return {name: table for name, table in found.items() if not self.tables or name in self.tables}

    def _from_file(self, path: Path) -> State:
        try:
            return read_sqlite(path) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise TerminalError(f"--watch {self.name} cannot be read: {error}") from error

    def _reflected(self) -> State:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import SQLAlchemyError
        from sqlalchemy.pool import NullPool

        url = self._with_driver()
        try:
            if url.get_dialect().is_async:
                return asyncio.run(_read_async(url))
            with create_engine(url, poolclass=NullPool).connect() as connection:
                return _all_tables(connection)
        except (SQLAlchemyError, OSError) as error:
            first = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise TerminalError(f"--watch {self.name} cannot be read: {first}") from error

    def _with_driver(self) -> URL:
        from sqlalchemy.exc import ArgumentError

        backend = self.url.get_backend_name()
        plain = self.url.drivername == backend
        for driver in DRIVERS.get(backend, ("",)) if plain else ("",):
            url = self.url.set(drivername=f"{backend}+{driver}") if driver else self.url
            try:
                url.get_dialect().import_dbapi()
            except ModuleNotFoundError:
                continue
            except ArgumentError as error:
                raise TerminalError(f"--watch {self.name} cannot be read: {error}") from error
            return url
        known = DRIVERS.get(backend) if plain else None
        wanted = " or ".join(known) if known else f"the driver of {self.url.drivername}"
        raise TerminalError(f"--watch {self.name} cannot be read: {wanted} is not installed here")


async def _read_async(url: URL) -> State:
    """Read all tables with a driver that only supports asyncio."""
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    async with create_async_engine(url, poolclass=NullPool).connect() as connection:
        return await connection.run_sync(_all_tables)


def _all_tables(connection: Connection) -> State:
    from sqlalchemy import inspect

    inspector = inspect(connection)
    return {name: _table(connection, inspector, name) for name in sorted(inspector.get_table_names())}


def _table(connection: Connection, inspector: Inspector, name: str) -> Table:
    from sqlalchemy import MetaData, select
    from sqlalchemy import Table as Reflected

    facts: list[dict[str, Any]] = [dict(column) for column in inspector.get_columns(name)]
    columns = tuple(fact["name"] for fact in facts)
    reflected = Reflected(name, MetaData(), autoload_with=connection, resolve_fks=False)
    rows = connection.execute(select(*[reflected.c[column] for column in columns]))
    key = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
    serial = [fact["name"] for fact in facts if _is_serial(fact)]
    refers = [column for each in inspector.get_foreign_keys(name) for column in each["constrained_columns"]]
    generated = tuple(dict.fromkeys([*serial, *refers]))
    return Table(columns, tuple(tuple(map(cell, row)) for row in rows), key, generated)


def _is_serial(fact: dict[str, Any]) -> bool:
    default = str(fact.get("default") or "")
    return bool(fact.get("identity")) or default.startswith("nextval(") or fact.get("autoincrement") is True
