"""Knows which batches have news, are over, or have reached their deletion date, and erases what is personal.

Relies on `batch.ledger.reading` for the counts. Writes no answer and removes no file: the jobs do. Evidence
stays: ids, states, events, receipts and keyed hashes. Source of the rules: facts/trust.md, "CPR at rest" and
"Retention jobs".
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from batch.ledger.moments import to_micros
from batch.ledger.reading import summarise
from batch.ledger.store import BATCH, CONSIGNMENT, DOCUMENT, KEPT_FILE, REJECTION, Store
from batch.records import BatchSummary
from schemas.errors import BadInput


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


def to_purge(store: Store, closed_before: datetime) -> list[str]:
    """Returns the batches closed before a moment and not erased yet, the oldest first."""
    query = select(BATCH.c.id).where(
        BATCH.c.closed_at < to_micros(closed_before), BATCH.c.purged_at.is_(None)
    )
    with store.database.reading() as connection:
        return list(connection.scalars(query.order_by(BATCH.c.id)))


def purge_batch(store: Store, batch_id: str) -> list[str]:
    """Erases what is personal in a closed batch; see `Ledger.purge_batch`."""
    at = store.micros()
    with store.database.writing() as connection:
        query = select(BATCH.c.closed_at, BATCH.c.purged_at).where(BATCH.c.id == batch_id)
        batch = connection.execute(query.with_for_update()).first()
        if batch is None:
            raise BadInput("ledger.unknown_subject")
        if batch.closed_at is None:
            raise BadInput("ledger.not_closed")
        packs = _packs(connection, batch_id)
        if batch.purged_at is None:
            _erase(connection, batch_id, at)
    store.database.wipe_log()
    return packs


def _packs(connection: Connection, batch_id: str) -> list[str]:
    own = select(CONSIGNMENT.c.id).where(CONSIGNMENT.c.batch_id == batch_id)
    of_documents = select(DOCUMENT.c.pack).where(DOCUMENT.c.consignment_id.in_(own))
    of_files = select(KEPT_FILE.c.pack).where(KEPT_FILE.c.batch_id == batch_id)
    return sorted(connection.scalars(of_documents.union(of_files)))


def _erase(connection: Connection, batch_id: str, at: int) -> None:
    """Without their wrapped keys the documents are noise, in every backup too that is made from now on."""
    own = select(CONSIGNMENT.c.id).where(CONSIGNMENT.c.batch_id == batch_id)
    gone = {"sealed_name": None, "wrapped_key": None}
    connection.execute(update(DOCUMENT).where(DOCUMENT.c.consignment_id.in_(own)).values(gone))
    connection.execute(update(KEPT_FILE).where(KEPT_FILE.c.batch_id == batch_id).values(gone))
    connection.execute(update(CONSIGNMENT).where(CONSIGNMENT.c.batch_id == batch_id).values(sealed=None))
    connection.execute(update(REJECTION).where(REJECTION.c.batch_id == batch_id).values(sealed=None))
    erased = {"sealed_name": None, "purged_at": at}
    connection.execute(update(BATCH).where(BATCH.c.id == batch_id).values(erased))
