"""Records a whole batch in one transaction, streamed to the driver in parts, and knows what was taken before.

Relies on `batch.records` for the values and on `batch.sealing` for the drop's own name. Judges no row: intake
has done that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, select

from batch.ledger.engine import Conflict, insert_many
from batch.ledger.store import (
    BATCH,
    CONSIGNMENT,
    DOCUMENT,
    KEPT_FILE,
    REJECTION,
    Store,
    chunks,
    dump,
)
from batch.records import KeptFile, NewBatch, NewConsignment, NewRejection
from batch.sealing import DROP_NAME, seal_name
from schemas.errors import BadInput
from schemas.states import State

_Row = tuple[object, ...]


def batch_by_fingerprint(store: Store, source: str, fingerprint: str) -> str | None:
    """Returns the id of the batch that a drop of this source became, or None."""
    query = select(BATCH.c.id).where(BATCH.c.source == source, BATCH.c.fingerprint == fingerprint)
    with store.database.reading() as connection:
        return connection.scalar(query)


def has_batch(store: Store, batch_id: str) -> bool:
    """Says whether a batch was recorded."""
    with store.database.reading() as connection:
        return connection.scalar(select(BATCH.c.id).where(BATCH.c.id == batch_id)) is not None


def sent_before(store: Store, source: str, content_keys: Sequence[str]) -> dict[str, str]:
    """Returns which contents of a source went before, or are on their way: content key → consignment id.

    Failed and cancelled ones don't count; of several the first is named.
    """
    gone = (State.FAILED.value, State.CANCELLED.value)
    found: dict[str, str] = {}
    with store.database.reading() as connection:
        for part in chunks(content_keys):
            query = select(CONSIGNMENT.c.content_key, CONSIGNMENT.c.id).where(
                CONSIGNMENT.c.content_key.in_(part),
                CONSIGNMENT.c.source == source,
                CONSIGNMENT.c.state.not_in(gone),
            )
            for row in connection.execute(query.order_by(CONSIGNMENT.c.id)):
                found.setdefault(row.content_key, row.id)
    return found


def record_batch(
    store: Store,
    batch: NewBatch,
    consignments: Iterable[NewConsignment],
    rejections: Iterable[NewRejection],
    kept: Iterable[KeptFile],
) -> None:
    """Records a batch whole or not at all; see `Ledger.record_batch`."""
    try:
        with store.database.writing() as connection:
            earlier = _taken(connection, batch)
            if earlier is None:
                _insert_all(store, connection, batch, consignments, rejections, kept)
    except Conflict:
        # Another process took the same drop at this very moment.
        earlier = batch_by_fingerprint(store, batch.source, batch.fingerprint)
        if earlier is None:
            raise
    if earlier is not None:
        raise BadInput("drop.already_taken", batch=earlier)


def _taken(connection: Connection, batch: NewBatch) -> str | None:
    query = select(BATCH.c.id).where(BATCH.c.source == batch.source, BATCH.c.fingerprint == batch.fingerprint)
    return connection.scalar(query)


def _insert_all(
    store: Store,
    connection: Connection,
    batch: NewBatch,
    consignments: Iterable[NewConsignment],
    rejections: Iterable[NewRejection],
    kept: Iterable[KeptFile],
) -> None:
    at = store.micros()
    insert_many(connection, BATCH, [_batch_row(store, batch, at)])
    n_consignments = 0
    for part in chunks(consignments):
        insert_many(connection, CONSIGNMENT, [_consignment_row(batch, new, at) for new in part])
        insert_many(connection, DOCUMENT, [row for new in part for row in _document_rows(new)])
        n_consignments += len(part)
    if n_consignments + batch.n_rejected != batch.n_lines:
        raise ValueError(
            f"{n_consignments} consignments and {batch.n_rejected} rejected are not {batch.n_lines}"
        )
    for some in chunks(rejections):
        insert_many(connection, REJECTION, [_rejection_row(batch.id, rejection) for rejection in some])
    for files in chunks(enumerate(kept)):
        insert_many(connection, KEPT_FILE, [_kept_row(batch.id, n, file) for n, file in files])


def _batch_row(store: Store, batch: NewBatch, at: int) -> _Row:
    return (
        batch.id,
        batch.source,
        seal_name(store.vault, store.tenant, batch.id, DROP_NAME, batch.name),
        batch.origin,
        batch.fingerprint,
        batch.held_code,
        dump(batch.held_params),
        batch.n_lines,
        batch.n_rejected,
        batch.n_warnings,
        batch.control_total,
        at,  # taken_at
        None,  # released_at
        "",  # released_by
        -1,  # answered_version: no answer was given
        None,  # closed_at
        None,  # purged_at
        None,  # erased_at
    )


def _consignment_row(batch: NewBatch, new: NewConsignment, at: int) -> _Row:
    """A row's own hold goes before the batch's: releasing the batch doesn't release it."""
    own = bool(new.code)
    held = own or bool(batch.held_code)
    return (
        new.id,
        batch.id,
        batch.source,
        new.line,
        new.material,
        new.recipient_kind.value,
        new.recipient_key,
        new.content_key,
        new.sealed,
        new.seed,
        " ".join(new.route),
        0,  # step
        new.route[0],
        State.HELD.value if held else State.READY.value,
        new.code or batch.held_code,
        dump(new.params if own else batch.held_params),
        new.column,
        None,  # message_id
        0,  # attempts
        0,  # unknown_attempts
        0,  # n_worker_losses
        False,  # needs_person
        at,  # next_attempt_at
        "",  # lease_owner
        0,  # lease_until
        0,  # lease_number
        0,  # version
        at,  # changed_at
    )


def _document_rows(new: NewConsignment) -> Iterator[_Row]:
    for ordinal, document in enumerate(new.documents):
        content = document.content
        yield (
            new.id,
            ordinal,
            document.sealed_name,
            document.media_type,
            document.extension,
            document.n_bytes,
            document.sha256,
            content.pack,
            content.offset,
            content.length,
            content.key_id,
            content.wrapped_key,
        )


def _rejection_row(batch_id: str, rejection: NewRejection) -> _Row:
    return (
        batch_id,
        rejection.line,
        rejection.column,
        rejection.code,
        dump(rejection.params),
        rejection.warning,
        rejection.sealed,
    )


def _kept_row(batch_id: str, ordinal: int, file: KeptFile) -> _Row:
    content = file.content
    return (
        batch_id,
        ordinal,
        file.sealed_name,
        file.n_bytes,
        file.sha256,
        content.pack,
        content.offset,
        content.length,
        content.key_id,
        content.wrapped_key,
    )
