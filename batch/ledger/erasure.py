"""Erases what a closed batch's deadlines say: first the documents' keys, years later everything of a person.

Relies on the ledger's tables alone. Each batch is one transaction that may be repeated; no file is removed
here: the jobs do. What stays for good are ids, states, counts, events and receipts. Source of the rules:
facts/trust.md, "CPR at rest" and "Retention jobs"; docs/settings.md, `[retention]`.

Overwritten values are gone from SQLite's file (`secure_delete`) and from its log, which is emptied. On
PostgreSQL they are gone for every query, and from its files as the server's own vacuum comes by.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, ScalarSelect, delete, func, select, update

from batch.ledger.moments import to_micros
from batch.ledger.store import BATCH, CONSIGNMENT, DOCUMENT, KEPT_FILE, RATION_USE, REJECTION, Store
from batch.records import Deadlines
from schemas.errors import BadInput

_KEY_GONE = {"sealed_name": None, "wrapped_key": None}


def to_purge(store: Store, deadlines: Deadlines) -> list[str]:
    """Returns the batches in which some key's time is over, the oldest first."""
    latest = to_micros(max((deadlines.others, *deadlines.materials.values())))
    query = select(BATCH.c.id, BATCH.c.closed_at).where(
        BATCH.c.closed_at < latest, BATCH.c.purged_at.is_(None)
    )
    with store.database.reading() as connection:
        batches = connection.execute(query.order_by(BATCH.c.id)).all()
        return [row.id for row in batches if _has_due(connection, row.id, row.closed_at, deadlines)]


def purge_batch(store: Store, batch_id: str, deadlines: Deadlines) -> list[str]:
    """Destroys the keys whose time is over; see `Ledger.purge_batch`."""
    at = store.micros()
    with store.database.writing() as connection:
        closed_at, purged_at = _lock_closed(connection, batch_id)
        if purged_at is None:
            _destroy_due_keys(connection, batch_id, closed_at, deadlines)
        whole = not _keys_left(connection, batch_id)
        if whole and purged_at is None:
            connection.execute(update(BATCH).where(BATCH.c.id == batch_id).values(purged_at=at))
        packs = _packs(connection, batch_id) if whole else []
    store.database.wipe_log()
    return packs


def to_erase(store: Store, closed_before: datetime) -> list[str]:
    """Returns the batches closed before a moment that still hold something of a person, the oldest first."""
    query = select(BATCH.c.id).where(
        BATCH.c.closed_at < to_micros(closed_before), BATCH.c.erased_at.is_(None)
    )
    with store.database.reading() as connection:
        return list(connection.scalars(query.order_by(BATCH.c.id)))


def erase_batch(store: Store, batch_id: str) -> list[str]:
    """Erases everything of a person in a closed batch; see `Ledger.erase_batch`."""
    at = store.micros()
    with store.database.writing() as connection:
        _lock_closed(connection, batch_id)
        packs = _packs(connection, batch_id)
        _erase(connection, batch_id, at)
    store.database.wipe_log()
    return packs


def _lock_closed(connection: Connection, batch_id: str) -> tuple[int, int | None]:
    """Returns when a batch was closed and purged, its row locked."""
    query = select(BATCH.c.closed_at, BATCH.c.purged_at).where(BATCH.c.id == batch_id)
    batch = connection.execute(query.with_for_update()).first()
    if batch is None:
        raise BadInput("ledger.unknown_subject")
    if batch.closed_at is None:
        raise BadInput("ledger.not_closed")
    return batch.closed_at, batch.purged_at


def _has_due(connection: Connection, batch_id: str, closed_at: int, deadlines: Deadlines) -> bool:
    """True when keys are left whose time is over, or when none is left and the batch does not say so yet."""
    due = _due_materials(connection, batch_id, closed_at, deadlines)
    if due and _keys_of(connection, batch_id, due):
        return True
    if _files_are_due(due, closed_at, deadlines) and _kept_keys(connection, batch_id):
        return True
    return not _keys_left(connection, batch_id)


def _due_materials(connection: Connection, batch_id: str, closed_at: int, deadlines: Deadlines) -> list[str]:
    query = select(CONSIGNMENT.c.material).where(CONSIGNMENT.c.batch_id == batch_id).distinct()
    return sorted(
        name
        for name in connection.scalars(query)
        if closed_at < to_micros(deadlines.materials.get(name, deadlines.others))
    )


def _files_are_due(due: Collection[str], closed_at: int, deadlines: Deadlines) -> bool:
    """The index and the files of rejected rows belong to no material: they go with the first to go."""
    return bool(due) or closed_at < to_micros(deadlines.others)


def _destroy_due_keys(connection: Connection, batch_id: str, closed_at: int, deadlines: Deadlines) -> None:
    """Without their wrapped keys the documents are noise, in every backup too that is made from now on."""
    due = _due_materials(connection, batch_id, closed_at, deadlines)
    if due:
        own = _own(batch_id, due)
        connection.execute(update(DOCUMENT).where(DOCUMENT.c.consignment_id.in_(own)).values(_KEY_GONE))
    if _files_are_due(due, closed_at, deadlines):
        connection.execute(update(KEPT_FILE).where(KEPT_FILE.c.batch_id == batch_id).values(_KEY_GONE))


def _erase(connection: Connection, batch_id: str, at: int) -> None:
    """The marks by which the same drop or the same row is known again go too: they are made of a person's
    number."""
    of_batch = update(CONSIGNMENT).where(CONSIGNMENT.c.batch_id == batch_id)
    connection.execute(of_batch.values(sealed=None, recipient_key="", content_key="", params="{}"))
    documents = update(DOCUMENT).where(DOCUMENT.c.consignment_id.in_(_own(batch_id)))
    connection.execute(documents.values(**_KEY_GONE, sha256=""))
    files = update(KEPT_FILE).where(KEPT_FILE.c.batch_id == batch_id)
    connection.execute(files.values(**_KEY_GONE, sha256=""))
    connection.execute(delete(RATION_USE).where(RATION_USE.c.consignment_id.in_(_own(batch_id))))
    rejections = update(REJECTION).where(REJECTION.c.batch_id == batch_id)
    connection.execute(rejections.values(sealed=None, params="{}"))
    erased = {
        "sealed_name": None,
        "fingerprint": BATCH.c.id,
        "purged_at": func.coalesce(BATCH.c.purged_at, at),
        "erased_at": func.coalesce(BATCH.c.erased_at, at),
    }
    connection.execute(update(BATCH).where(BATCH.c.id == batch_id).values(erased))


def _own(batch_id: str, materials: Collection[str] = ()) -> ScalarSelect[str]:
    """The ids of a batch's consignments, of some materials or of all."""
    query = select(CONSIGNMENT.c.id).where(CONSIGNMENT.c.batch_id == batch_id)
    return (query.where(CONSIGNMENT.c.material.in_(materials)) if materials else query).scalar_subquery()


def _keys_left(connection: Connection, batch_id: str) -> bool:
    return _keys_of(connection, batch_id) or _kept_keys(connection, batch_id)


def _keys_of(connection: Connection, batch_id: str, materials: Collection[str] = ()) -> bool:
    held = select(DOCUMENT.c.ordinal).where(
        DOCUMENT.c.consignment_id.in_(_own(batch_id, materials)), DOCUMENT.c.wrapped_key.is_not(None)
    )
    return connection.execute(held.limit(1)).first() is not None


def _kept_keys(connection: Connection, batch_id: str) -> bool:
    held = select(KEPT_FILE.c.ordinal).where(
        KEPT_FILE.c.batch_id == batch_id, KEPT_FILE.c.wrapped_key.is_not(None)
    )
    return connection.execute(held.limit(1)).first() is not None


def _packs(connection: Connection, batch_id: str) -> list[str]:
    of_documents = select(DOCUMENT.c.pack).where(DOCUMENT.c.consignment_id.in_(_own(batch_id)))
    of_files = select(KEPT_FILE.c.pack).where(KEPT_FILE.c.batch_id == batch_id)
    return sorted(connection.scalars(of_documents.union(of_files)))
