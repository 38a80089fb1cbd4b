"""Brings a database to this program's schema, and sees to it that a ledger is opened as what it was born as.

Relies on alembic, which is loaded only when the schema must change. A database from a newer program, another
mode or another tenant is refused. Moves no data between databases.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text

from batch.ledger.engine import Database, insert_unless_there
from batch.ledger.moments import to_micros
from batch.ledger.store import HOUSE
from schemas.errors import ConfigurationError

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""Every version of the schema, the oldest first; the last is this program's. A test asks alembic too."""

_VERSION_TABLE = "alembic_version"
_MIGRATIONS = Path(__file__).parent / "migrations"


def bring_up(database: Database, mode: str, tenant: str, born_at: datetime) -> None:
    """Makes or upgrades the schema and stamps a new database, all in one transaction.

    Killed half way, nothing of it is left. Raises ConfigurationError as `check`, but not for an old schema.
    """
    with database.writing() as connection:
        database.lock_schema(connection)
        version = _read_version(connection)
        if version and version not in REVISIONS:
            raise ConfigurationError("ledger.newer_schema")
        if version != REVISIONS[-1]:
            _upgrade(connection)
        stamp = {"id": 1, "mode": mode, "tenant": tenant, "born_at": to_micros(born_at)}
        insert_unless_there(connection, HOUSE, stamp)
        _check_stamp(connection, mode, tenant)


def check(database: Database, mode: str, tenant: str) -> None:
    """Raises ConfigurationError unless the database is this program's, this mode's and this tenant's."""
    with database.reading() as connection:
        version = _read_version(connection)
        if not version:
            raise ConfigurationError("ledger.missing")
        if version not in REVISIONS:
            raise ConfigurationError("ledger.newer_schema")
        if version != REVISIONS[-1]:
            raise ConfigurationError("ledger.old_schema")
        _check_stamp(connection, mode, tenant)


def _read_version(connection: Connection) -> str:
    """Returns the schema's version; empty for a database without one."""
    if not inspect(connection).has_table(_VERSION_TABLE):
        return ""
    return str(connection.scalar(text(f"SELECT version_num FROM {_VERSION_TABLE}")) or "")


def _check_stamp(connection: Connection, mode: str, tenant: str) -> None:
    stamp = connection.execute(select(HOUSE.c.mode, HOUSE.c.tenant)).first()
    if stamp is None:
        raise ConfigurationError("ledger.missing")
    if stamp.mode != mode:
        raise ConfigurationError("ledger.wrong_mode", born_as=stamp.mode, opened_as=mode)
    if stamp.tenant != tenant:
        raise ConfigurationError("ledger.wrong_tenant", born_as=stamp.tenant, opened_as=tenant)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
