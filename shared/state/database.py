"""State in a database that SQLAlchemy reaches: all its tables, or those that ``?table=`` names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from shared.run.errors import TerminalError
from shared.state.contents import SIDE_FILES, read_sqlite
from shared.state.source import HERE
from shared.state.table import Table, cell

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.engine.reflection import Inspector

    from shared.state.table import State

# Without a driver in its URL, a database is read by the first of these that is installed.
DRIVERS = {"postgresql": ("psycopg", "psycopg2", "pg8000"), "mysql": ("pymysql", "mysqldb", "mysqlconnector")}


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
    """See ``Source``.

    Attributes:
        url: With its password.
        tables: Those that count; empty for all.
    """

    name: str
    url: URL = field(repr=False)
    tables: tuple[str, ...]
    folder: Path

    @classmethod
    def at(cls, text: str, folder: Path) -> Self:
        """The database of a URL; a TerminalError when it is none."""
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
        """Those of SQLite; of other databases none."""
        if (path := self._file) is None:
            return ()
        return (path, *(path.with_name(path.name + side) for side in SIDE_FILES))

    @property
    def elsewhere(self) -> bool:
        """Whether its server is on another machine."""
        return self._file is None and (self.url.host or "") not in HERE

    @property
    def _file(self) -> Path | None:
        if self.url.get_backend_name() != "sqlite" or not self.url.database or self.url.database == ":memory:":
            return None
        return self.folder / self.url.database

    def read(self) -> State:
        """Its tables, by name; those of other schemas than the default are not read."""
        found = self._reflected() if (path := self._file) is None else read_sqlite(path) if path.exists() else {}
        if found and (missing := [name for name in self.tables if name not in found]):
            raise TerminalError(f"--watch {self.name} has no table {', '.join(missing)}; it has {', '.join(found)}")
        return {name: table for name, table in found.items() if not self.tables or name in self.tables}

    def _reflected(self) -> State:
        from sqlalchemy import inspect
        from sqlalchemy.exc import SQLAlchemyError

        engine = self._engine()
        try:
            with engine.connect() as connection:
                inspector = inspect(connection)
                return {name: _table(connection, inspector, name) for name in sorted(inspector.get_table_names())}
        except (SQLAlchemyError, OSError) as error:
            first = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise TerminalError(f"--watch {self.name} cannot be read: {first}") from error
        finally:
            engine.dispose()

    def _engine(self) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import ArgumentError
        from sqlalchemy.pool import NullPool

        backend = self.url.get_backend_name()
        plain = self.url.drivername == backend
        for driver in DRIVERS.get(backend, ("",)) if plain else ("",):
            url = self.url.set(drivername=f"{backend}+{driver}") if driver else self.url
            try:
                return create_engine(url, poolclass=NullPool)
            except ModuleNotFoundError:
                continue
            except ArgumentError as error:
                raise TerminalError(f"--watch {self.name} cannot be read: {error}") from error
        wanted = (
            " or ".join(DRIVERS[backend]) if plain and backend in DRIVERS else f"the driver of {self.url.drivername}"
        )
        raise TerminalError(f"--watch {self.name} cannot be read: {wanted} is not installed here")


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
