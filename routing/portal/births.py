"""Brings the portal's database to this program's schema, and sees that it is opened in its own mode.

Relies on alembic, which is loaded only when the schema must change. A portal whose role may change no schema
opens with `create=False` and is told when an upgrade is due.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text

from routing.portal.database import Database, to_micros
from routing.portal.tables import STAMP
from schemas.errors import ConfigurationError

REVISIONS = ("0001",)
"""Every version of the schema, the oldest first; the last is this program's."""

_VERSION_TABLE = "portal_version"
_MIGRATIONS = Path(__file__).parent / "migrations"


def bring_up(database: Database, mode: str, born_at: datetime) -> None:
    """Makes or upgrades the schema and stamps a new database, all in one transaction."""
    with database.writing() as connection:
        database.one_at_a_time(connection)
        version = _read_version(connection)
        if version and version not in REVISIONS:
            raise ConfigurationError("portal.database_newer")
        if version != REVISIONS[-1]:
            _upgrade(connection)
        stamp = {"id": 1, "mode": mode, "born_at": to_micros(born_at)}
        connection.execute(database.upserts()(STAMP).values(stamp).on_conflict_do_nothing())
        _check_stamp(connection, mode)


def check(database: Database, mode: str) -> None:
    """Raises ConfigurationError unless the database is this program's and this mode's."""
    with database.reading() as connection:
        version = _read_version(connection)
        if not version:
            raise ConfigurationError("portal.database_missing")
        if version not in REVISIONS:
            raise ConfigurationError("portal.database_newer")
        if version != REVISIONS[-1]:
            raise ConfigurationError("portal.database_old")
        _check_stamp(connection, mode)


def _read_version(connection: Connection) -> str:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return ""
    return str(connection.scalar(text(f"SELECT version_num FROM {_VERSION_TABLE}")) or "")


def _check_stamp(connection: Connection, mode: str) -> None:
    born_as = connection.scalar(select(STAMP.c.mode))
    if born_as != mode:
        raise ConfigurationError("portal.database_mode", born_as=born_as or "?", opened_as=mode)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = _VERSION_TABLE
    command.upgrade(config, "head")
