"""Knows which batches have news, and closes those that are over.

Relies on `batch.ledger.reading` for the counts. Writes no answer: the jobs do. Erases nothing:
`batch.ledger.erasure` does.
"""

from __future__ import annotations

from sqlalchemy import select, update

from batch.ledger.reading import summarise
from batch.ledger.store import BATCH, Store
from batch.records import BatchSummary


def to_answer(store: Store) -> list[BatchSummary]:
    """Returns the open batches in which something changed since their last answer, the oldest first."""
    is_open = select(BATCH.c.id).where(BATCH.c.closed_at.is_(None)).order_by(BATCH.c.id)
    with store.database.reading() as connection:
        batches = summarise(store, connection, list(connection.scalars(is_open)))
    return [batch for batch in batches if batch.version != batch.answered_version]


def mark_answered(store: Store, batch_id: str, version: int) -> None:
    """Remembers which version of a batch its answer shows."""
    with store.database.writing() as connection:
        connection.execute(update(BATCH).where(BATCH.c.id == batch_id).values(answered_version=version))


def close_batch(store: Store, batch_id: str) -> bool:
    """Closes a batch that is final and whose last answer was given; see `Ledger.close_batch`."""
    at = store.micros()
    with store.database.writing() as connection:
        found = summarise(store, connection, [batch_id])
        if not found or not found[0].final or found[0].version != found[0].answered_version:
            return False
        still_open = update(BATCH).where(BATCH.c.id == batch_id, BATCH.c.closed_at.is_(None))
        return connection.execute(still_open.values(closed_at=at)).rowcount == 1
