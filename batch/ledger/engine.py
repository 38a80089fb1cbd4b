"""Opens the ledger's database and runs whole transactions on it, SQLite and PostgreSQL alike.

Relies on SQLAlchemy. Everything in which the two databases differ stands here; the rest of the ledger speaks
Core statements that mean the same to both. Knows no table. No error that leaves a transaction shows a bound
value: the driver's own message is dropped.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Insert,
    Table,
    Text,
    Update,
    any_,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from schemas.errors import ConfigurationError, ServiceDown

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

BUSY_SECONDS = 60.0
"""How long a transaction waits for SQLite's lock: a backup may hold it for a minute."""

CHUNK = 500
"""Rows in one statement: memory stays flat and no list of parameters grows too long."""

_WRITES = "brevdue_writes"
_SCHEMA_LOCK = 0x62726576  # any number, as long as every process uses the same
_RATION_LOCK = _SCHEMA_LOCK + 1
_PSYCOPG = psycopg_dialect.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
_DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": _PSYCOPG}


class Conflict(ServiceDown):
    """A unique index or a guard said no, and the transaction was rolled back: somebody else was quicker."""

    def __init__(self) -> None:
        super().__init__("ledger.busy")


class Database:
    """One database with its connections. Safe for several threads; a transaction belongs to one of them."""

    def __init__(self, url: URL, busy_seconds: float = BUSY_SECONDS) -> None:
        self.url = url
        if url.get_backend_name() == "sqlite":
            self._engine = _sqlite_engine(url, busy_seconds)
        else:
            self._engine = _postgres_engine(url)
        self._writer = self._engine.execution_options(**{_WRITES: True})

    def __repr__(self) -> str:
        return f"Database({self.url.get_backend_name()})"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Gives a connection in a transaction that only reads; raises ServiceDown or ConfigurationError."""
        with _plain_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Gives a connection in a transaction that commits at the end, or rolls back on any exception.

        On SQLite it holds the one write lock from its first moment, so that what it reads stays true.
        Raises Conflict for a unique index, ServiceDown or ConfigurationError for the rest.
        """
        with _plain_errors(), self._writer.begin() as connection:
            yield connection

    def lock_schema(self, connection: Connection) -> None:
        """Makes other processes wait that would change the schema, until this transaction ends."""
        if connection.dialect.name == "postgresql":  # SQLite's write lock does it already
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})

    def lock_rations(self, connection: Connection) -> None:
        """Makes others wait that would count what a channel carried, until this transaction ends."""
        if connection.dialect.name == "postgresql":  # SQLite's write lock does it already
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _RATION_LOCK})

    def wipe_log(self) -> None:
        """Empties SQLite's write-ahead log, in which overwritten values would linger.

        Raises ServiceDown `ledger.busy` when a reader keeps it from being emptied.
        """
        if self._engine.dialect.name != "sqlite":
            return
        with _plain_errors():
            raw = self._engine.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                busy = (cursor.fetchone() or (1,))[0]
                cursor.close()
            finally:
                raw.close()
        if busy:
            raise ServiceDown("ledger.busy")

    def close(self) -> None:
        """Closes every connection; the database stays."""
        self._engine.dispose()


def parse_url(text_url: str) -> URL:
    """Returns the URL of a database we can use; raises ConfigurationError, which never shows the URL."""
    try:
        url = make_url(text_url)
    except ArgumentError:
        raise ConfigurationError("ledger.bad_url") from None
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise ConfigurationError("ledger.unsupported_database", database=backend)
    if url.database in (None, "", ":memory:"):
        raise ConfigurationError("ledger.bad_url")
    return url.set(drivername="sqlite+pysqlite")


def prepare_file(url: URL, create: bool) -> None:
    """Makes sure that SQLite's file is there, made by us with mode 0600; does nothing for PostgreSQL.

    Raises ConfigurationError `ledger.missing` when it isn't there and may not be made, and
    `ledger.not_writable` when it can't be.
    """
    if url.get_backend_name() != "sqlite":
        return
    path = Path(str(url.database))
    if path.is_file():
        return
    if not create:
        raise ConfigurationError("ledger.missing")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError:
        raise ConfigurationError("ledger.not_writable") from None


def among(connection: Connection, column: Column[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """Returns the condition that a column holds one of these texts.

    One parameter carries them all, so that the statement is made once and not anew for every slice.
    """
    if connection.dialect.name == "sqlite":
        given = func.json_each(json.dumps(values)).table_valued("value")
        return column.in_(select(given.c.value))
    return column == any_(bindparam(None, list(values), type_=ARRAY(Text)))


def insert_many(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Inserts tuples that hold every column in the table's order, a serial id left out."""
    if rows:
        connection.exec_driver_sql(_insert_sql(connection.dialect.name, table), list(rows))


def update_many(
    connection: Connection, statement: Update, columns: tuple[str, ...], rows: Sequence[object]
) -> None:
    """Sets `columns` once for every object in `rows`, whose attributes are named like the columns and
    like the parameters of the statement's condition.

    Raises Conflict unless each of them changed exactly one row.
    """
    if not rows:
        return
    sql, read = _update_sql(connection.dialect.name, statement, columns)
    result = connection.exec_driver_sql(sql, [read(row) for row in rows])
    if result.rowcount != len(rows):
        raise Conflict


def insert_unless_there(connection: Connection, table: Table, row: dict[str, object]) -> bool:
    """Inserts a row unless its key is there already; says whether it did."""
    statement: Insert = _inserts(connection)(table).values(row).on_conflict_do_nothing()
    return connection.execute(statement.returning(*table.primary_key)).first() is not None


def insert_or_replace(connection: Connection, table: Table, rows: Sequence[dict[str, object]]) -> None:
    """Inserts rows; where the primary key is there already the other columns are replaced."""
    statement = _inserts(connection)(table)
    keys = [column.name for column in table.primary_key]
    others = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), list(rows))


def refresh_statistics(connection: Connection, table: Table) -> None:
    """Lets PostgreSQL look at a table that has just grown a lot: until then it would plan as if it were empty
    and read all of it for every question. SQLite plans without."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {table.name}")


def _inserts(connection: Connection) -> Any:
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert


@cache
def _insert_sql(dialect_name: str, table: Table) -> str:
    names = [c.name for c in table.columns if c is not table.autoincrement_column]
    compiled = insert(table).compile(dialect=_DIALECTS[dialect_name], column_keys=names)
    assert compiled.positiontup == names
    return str(compiled)


@cache
def _update_sql(dialect_name: str, statement: Update, columns: tuple[str, ...]) -> tuple[str, Any]:
    compiled = statement.compile(dialect=_DIALECTS[dialect_name], column_keys=columns)
    return str(compiled), attrgetter(*(compiled.positiontup or ()))


def _sqlite_engine(url: URL, busy_seconds: float) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def _set_up(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # the driver starts no transaction behind our back
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            "cache_size=-16000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres_engine(url: URL) -> Engine:
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,  # a restarted server costs one ping and not a slice
        isolation_level="READ COMMITTED",  # a row that was waited for is looked at again
        connect_args={"connect_timeout": 10, "application_name": "brevdue"},
    )


# psycopg tells by itself, on the error stream, of a connection that ended badly. Whoever asked is told by our
# own errors, and what a driver says may quote values.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turns the driver's errors into ours; `from None`, since their messages may quote values."""
    try:
        yield
    except IntegrityError:
        raise Conflict from None
    except PoolTimeout:
        raise ServiceDown("ledger.busy") from None
    except DBAPIError as error:
        raise _translate(error) from None


def _translate(error: DBAPIError) -> ServiceDown | ConfigurationError:
    if isinstance(error.orig, sqlite3.Error):
        return _translate_sqlite(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state == "53100":
        return ServiceDown("ledger.disk_full")
    if isinstance(error, OperationalError) or state.startswith(("08", "57")):
        return ServiceDown("ledger.unreachable")
    return ServiceDown("ledger.failed", state=state or type(error).__name__)


def _translate_sqlite(result: int) -> ServiceDown | ConfigurationError:
    """`result` is SQLite's primary result code (https://www.sqlite.org/rescode.html)."""
    if result in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ServiceDown("ledger.busy")
    if result == sqlite3.SQLITE_FULL:
        return ServiceDown("ledger.disk_full")
    if result in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return ConfigurationError("ledger.damaged")
    if result == sqlite3.SQLITE_READONLY:
        return ConfigurationError("ledger.not_writable")
    if result in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        return ServiceDown("ledger.unreachable")
    return ServiceDown("ledger.failed", state=f"sqlite {result}")
