"""Runs alembic's migrations on the connection, and in the transaction, that `routing.portal.births` gives it.

Relies on alembic. Opens no connection and reads no ini file.
"""

from __future__ import annotations

from alembic import context

from routing.portal.tables import METADATA


def run() -> None:
    """Runs what alembic was asked for, as a part of the caller's transaction on both databases."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=METADATA,
        version_table=context.config.attributes["version_table"],
        render_as_batch=True,  # SQLite alters a table by making it anew
    )
    with context.begin_transaction():
        context.run_migrations()


run()
