"""Opens the portal's own database and runs whole transactions on it, SQLite and PostgreSQL alike.

Relies on SQLAlchemy. Everything in which the two databases differ stands here. Knows no table, and no error
that leaves a transaction shows a bound value: the driver's own message is dropped.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Select, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from schemas.errors import ConfigurationError, ServiceDown

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

BUSY_SECONDS = 30.0
_WRITES = "portal_writes"
_ASKS = "portal_asks"
_LOCK = 0x706F7274  # any number, as long as every process uses the same
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Taken(ServiceDown):
    """A unique index said no, and the transaction was rolled back: it is there already."""

    def __init__(self) -> None:
        super().__init__("portal.database_busy")


class Database:
    """One database with its connections. Safe for several threads; a transaction belongs to one of them.

    `loose` transactions may be lost by a power cut: counters and the time of a last visit, nothing else. They
    are not synced (NORMAL) but for SQLite's log on its way into the database: OFF would move it unsynced, and
    what others had confirmed with it.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._engine = _sqlite_engine(url, "FULL") if self.is_sqlite else _postgres_engine(url)
        self._loose = _sqlite_engine(url, "NORMAL") if self.is_sqlite else self._engine
        alone: dict[str, Any] = {_ASKS: True} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._asking = self._engine.execution_options(**alone)

    def __repr__(self) -> str:
        return f"Database({self.url.get_backend_name()})"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Gives a connection in a transaction that only reads; raises ServiceDown or ConfigurationError."""
        with _plain_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """Gives a connection for one statement that only reads: with no transaction around it, a question to
        PostgreSQL takes two round trips and not four. Errors as `reading`."""
        with _plain_errors(), self._asking.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, loose: bool = False) -> Iterator[Connection]:
        """Gives a connection in a transaction that commits at the end, or rolls back on any exception.

        Raises Taken for a unique index, ServiceDown or ConfigurationError for the rest.
        """
        engine = (self._loose if loose else self._engine).execution_options(**{_WRITES: True})
        with _plain_errors(), engine.begin() as connection:
            if loose and not self.is_sqlite:
                connection.execute(text("SET LOCAL synchronous_commit = off"))
            yield connection

    def one_at_a_time(self, connection: Connection) -> None:
        """Makes other writers that ask for the same wait until this transaction ends."""
        if not self.is_sqlite:  # SQLite's write lock does it already
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})

    def locked(self, query: Select[Any]) -> Select[Any]:
        """Returns a query whose rows nobody else changes until the transaction ends.

        Their keys may still be referred to (`FOR NO KEY UPDATE`): who holds the lock of `one_at_a_time` and
        adds an event would else wait for a row whose holder waits for that lock.
        """
        return query if self.is_sqlite else query.with_for_update(key_share=True)

    def upserts(self) -> Any:
        """Returns the dialect's `insert`, which knows `on_conflict_do_update`."""
        return sqlite.insert if self.is_sqlite else postgresql.insert

    def wipe_log(self) -> None:
        """Empties SQLite's write-ahead log, in which overwritten values would linger, unless it is in use."""
        if not self.is_sqlite:
            return
        with _plain_errors():
            raw = self._engine.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                cursor.close()
            finally:
                raw.close()

    def close(self) -> None:
        """Closes every connection; the database stays."""
        self._engine.dispose()
        self._loose.dispose()


def to_micros(at: datetime) -> int:
    """Returns an aware datetime as microseconds since 1970; a naive one raises TypeError."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Returns the aware UTC datetime of a stored integer."""
    return _EPOCH + timedelta(microseconds=micros)


def parse_url(text_url: str) -> URL:
    """Returns the URL of a database we can use; raises ConfigurationError, which never shows the URL."""
    try:
        url = make_url(text_url)
    except ArgumentError:
        raise ConfigurationError("portal.database_url") from None
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or url.database in (None, "", ":memory:"):
        raise ConfigurationError("portal.database_url")
    return url.set(drivername="sqlite+pysqlite")


def prepare_file(url: URL, create: bool) -> None:
    """Makes sure that SQLite's file is there, made by us with mode 0600; does nothing for PostgreSQL.

    Raises ConfigurationError `portal.database_missing` or `portal.database_not_writable`.
    """
    if url.get_backend_name() != "sqlite" or Path(str(url.database)).is_file():
        return
    if not create:
        raise ConfigurationError("portal.database_missing")
    path = Path(str(url.database))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError:
        raise ConfigurationError("portal.database_not_writable") from None


def _sqlite_engine(url: URL, synchronous: str) -> Engine:
    engine = create_engine(
        url, hide_parameters=True, pool_size=20, max_overflow=30, connect_args={"timeout": BUSY_SECONDS}
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # the driver starts no transaction behind our back
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "secure_delete=ON",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get(_ASKS):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES) else "BEGIN")

    return engine


def _postgres_engine(url: URL) -> Engine:
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=20,
        max_overflow=20,
        isolation_level="READ COMMITTED",  # a row that was waited for is looked at again
        connect_args={"connect_timeout": 10, "application_name": "brevdue-portal"},
    )


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turns the driver's errors into ours; `from None`, since their messages may quote values."""
    try:
        yield
    except IntegrityError:
        raise Taken from None
    except PoolTimeout:
        raise ServiceDown("portal.database_busy") from None
    except DBAPIError as error:
        raise _translate(error) from None


def _translate(error: DBAPIError) -> ServiceDown | ConfigurationError:
    if isinstance(error.orig, sqlite3.Error):
        result = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if result in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return ConfigurationError("portal.database_damaged")
        if result == sqlite3.SQLITE_READONLY:
            return ConfigurationError("portal.database_not_writable")
        if result in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return ServiceDown("portal.database_busy")
        return ServiceDown("portal.database_failed", state=f"sqlite {result}")
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state.startswith("42501"):
        return ConfigurationError("portal.database_not_writable")
    if not state or state.startswith(("08", "57")):
        return ServiceDown("portal.database_unreachable")
    return ServiceDown("portal.database_failed", state=state)
