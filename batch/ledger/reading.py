"""Answers how batches and consignments stand, in counts and one by one.

Relies on `batch.ledger.loading` for what is sealed. Changes nothing. The lines of a batch are read by
`batch.ledger.lines`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from batch.ledger.later_words import words_of
from batch.ledger.loading import LOAD_COLUMNS, build_consignment, read_documents, split_row
from batch.ledger.moments import from_micros, maybe_from_micros
from batch.ledger.moves import Move
from batch.ledger.store import BATCH, CONSIGNMENT, EVENT, KEPT_FILE, RECEIPT, REJECTION, Store, load
from batch.records import Attention, BatchSummary, Event, KeptEntry, Standing
from batch.sealing import DROP_NAME, unseal_name
from schemas.consignments import Consignment, ContentRef, Receipt, ReceiptEvent
from schemas.errors import BadInput, ConfigurationError
from schemas.states import Cause, State


def read_batch(store: Store, batch_id: str) -> BatchSummary | None:
    """Returns one batch, or None."""
    with store.database.reading() as connection:
        found = summarise(store, connection, [batch_id])
    return found[0] if found else None


def read_batches(store: Store, *, open_only: bool, limit: int) -> list[BatchSummary]:
    """Returns batches, the newest first."""
    query = select(BATCH.c.id).order_by(BATCH.c.taken_at.desc(), BATCH.c.id.desc()).limit(limit)
    if open_only:
        query = query.where(BATCH.c.closed_at.is_(None))
    with store.database.reading() as connection:
        ids = list(connection.scalars(query))
        by_id = {batch.id: batch for batch in summarise(store, connection, ids)}
    return [by_id[batch_id] for batch_id in ids]


def summarise(store: Store, connection: Connection, batch_ids: Sequence[str]) -> list[BatchSummary]:
    """Returns the batches of `batch_ids` that there are, with their counts, by id."""
    columns = (CONSIGNMENT.c.batch_id, CONSIGNMENT.c.state)
    totals = select(*columns, func.count(), func.sum(CONSIGNMENT.c.version))
    grouped = totals.where(CONSIGNMENT.c.batch_id.in_(batch_ids)).group_by(*columns)
    counts: dict[str, dict[State, int]] = {batch_id: {} for batch_id in batch_ids}
    versions: Counter[str] = Counter()
    for batch_id, state, n, version in connection.execute(grouped):
        counts[batch_id][State(state)] = n
        versions[batch_id] += int(version)
    rows = connection.execute(select(BATCH).where(BATCH.c.id.in_(batch_ids)).order_by(BATCH.c.id))
    return [_summary(store, row, counts[row.id], versions[row.id]) for row in rows]


def channel_counts(store: Store, batch_id: str) -> dict[str, dict[State, int]]:
    """Returns how many consignments of a batch stand in each state, by the channel of their current step."""
    columns = (CONSIGNMENT.c.channel, CONSIGNMENT.c.state)
    query = select(*columns, func.count()).where(CONSIGNMENT.c.batch_id == batch_id).group_by(*columns)
    counts: dict[str, dict[State, int]] = {}
    with store.database.reading() as connection:
        for channel, state, n in connection.execute(query.order_by(*columns)):
            counts.setdefault(channel, {})[State(state)] = n
    return counts


def code_counts(store: Store, batch_id: str) -> dict[str, int]:
    """Returns how often each code stands beside a consignment or on a rejected line of a batch."""
    at_hand = select(CONSIGNMENT.c.code, func.count()).where(
        CONSIGNMENT.c.batch_id == batch_id, CONSIGNMENT.c.code != ""
    )
    rejected = select(REJECTION.c.code, func.count()).where(
        REJECTION.c.batch_id == batch_id, REJECTION.c.warning.is_(False)
    )
    counts: Counter[str] = Counter()
    with store.database.reading() as connection:
        for query in (at_hand.group_by(CONSIGNMENT.c.code), rejected.group_by(REJECTION.c.code)):
            for code, n in connection.execute(query):
                counts[code] += n
    return dict(sorted(counts.items()))


def read_standing(store: Store, consignment_id: str) -> Standing | None:
    """Returns a consignment with its receipt and history, or None when there is none of that id."""
    query = select(*LOAD_COLUMNS).where(CONSIGNMENT.c.id == consignment_id)
    with store.database.reading() as connection:
        row = connection.execute(query).first()
        if row is None:
            return None
        move, beside = split_row(row)
        consignment = _open(store, connection, move, beside)
        receipt = _latest_receipt(connection, consignment_id)
        history = _history(connection, consignment_id)
        words = words_of(connection, consignment_id, move.channel, move.message_id or "")
    return _standing(move, row, consignment, receipt, history, words)


def read_attention(store: Store, batch_id: str, limit: int) -> list[Attention]:
    """Returns what a person should look at in a batch, by line, at most `limit`.

    What waits with the whole batch is left out: that is decided once.
    """
    states = [state.value for state in (State.HELD, State.IN_DOUBT, State.FAILED)]
    columns = [CONSIGNMENT.c[name] for name in ("id", "state", "code", "params")]
    query = select(*columns).join(BATCH, BATCH.c.id == CONSIGNMENT.c.batch_id)
    query = query.where(CONSIGNMENT.c.batch_id == batch_id, CONSIGNMENT.c.state.in_(states))
    with_batch = (CONSIGNMENT.c.state == State.HELD.value) & (CONSIGNMENT.c.code == BATCH.c.held_code)
    query = query.where(~with_batch).order_by(CONSIGNMENT.c.line).limit(limit)
    with store.database.reading() as connection:
        rows = connection.execute(query).all()
    return [Attention(row.id, State(row.state), row.code, load(row.params)) for row in rows]


def by_recipient(store: Store, digits: str) -> list[str]:
    """Returns the ids of a recipient's consignments, the oldest first."""
    key = store.vault.recipient_key(store.tenant, digits)
    query = select(CONSIGNMENT.c.id).where(CONSIGNMENT.c.recipient_key == key).order_by(CONSIGNMENT.c.id)
    with store.database.reading() as connection:
        return list(connection.scalars(query))


def kept_files(store: Store, batch_id: str) -> list[KeptEntry]:
    """Returns the files of a drop that belong to no consignment and are not erased."""
    query = select(KEPT_FILE).where(KEPT_FILE.c.batch_id == batch_id, KEPT_FILE.c.wrapped_key.is_not(None))
    with store.database.reading() as connection:
        rows = connection.execute(query.order_by(KEPT_FILE.c.ordinal)).all()
    return [
        KeptEntry(
            name=unseal_name(store.vault, store.tenant, batch_id, row.ordinal, row.sealed_name),
            n_bytes=row.n_bytes,
            sha256=row.sha256,
            content=ContentRef(row.pack, row.pack_offset, row.pack_length, row.key_id, row.wrapped_key),
        )
        for row in rows
    ]


def _summary(store: Store, row: Any, counts: dict[State, int], version: int) -> BatchSummary:
    return BatchSummary(
        id=row.id,
        source=row.source,
        name=_drop_name(store, row),
        origin=row.origin,
        held_code=row.held_code,
        held_params=load(row.held_params),
        n_lines=row.n_lines,
        n_rejected=row.n_rejected,
        n_warnings=row.n_warnings,
        control_total=row.control_total,
        taken_at=from_micros(row.taken_at),
        released_at=maybe_from_micros(row.released_at),
        closed_at=maybe_from_micros(row.closed_at),
        purged_at=maybe_from_micros(row.purged_at),
        erased_at=maybe_from_micros(row.erased_at),
        counts=counts,
        version=version,
        answered_version=row.answered_version,
    )


def _drop_name(store: Store, row: Any) -> str:
    """Empty once erased; a damaged name must not keep a batch from being answered."""
    if row.sealed_name is None:
        return ""
    try:
        return unseal_name(store.vault, store.tenant, row.id, DROP_NAME, row.sealed_name)
    except ConfigurationError:
        return ""


def _open(store: Store, connection: Connection, move: Move, beside: Any) -> Consignment | None:
    found = read_documents(connection, [move.id])
    # A document whose time is over is no longer there; whom it went to is still known.
    documents = {move.id: [row for row in found.get(move.id, ()) if row.wrapped_key is not None]}
    try:
        return build_consignment(store, move, beside, documents, attempts=move.attempts)
    except (ConfigurationError, BadInput, ValueError, TypeError):
        return None


def _latest_receipt(connection: Connection, consignment_id: str) -> Receipt | None:
    query = select(RECEIPT).where(RECEIPT.c.consignment_id == consignment_id)
    row = connection.execute(query.order_by(RECEIPT.c.step.desc()).limit(1)).first()
    if row is None:
        return None
    delivered = select(EVENT.c.id).where(
        EVENT.c.consignment_id == consignment_id, EVENT.c.to_state == State.DELIVERED.value
    )
    return Receipt(
        channel=row.channel,
        external_id=row.external_id,
        at=from_micros(row.at),
        final=connection.scalar(delivered.limit(1)) is not None,
        proof=load(row.proof),
        simulated=row.simulated,
        code=row.code,
    )


def _history(connection: Connection, consignment_id: str) -> tuple[Event, ...]:
    query = select(EVENT).where(EVENT.c.consignment_id == consignment_id).order_by(EVENT.c.id)
    return tuple(
        Event(
            at=from_micros(row.at),
            from_state=State(row.from_state),
            to_state=State(row.to_state),
            cause=Cause(row.cause),
            actor=row.actor,
            step=row.step,
            attempt=row.attempt,
            channel=row.channel,
            code=row.code,
        )
        for row in connection.execute(query)
    )


def _standing(
    move: Move,
    row: Any,
    consignment: Consignment | None,
    receipt: Receipt | None,
    history: tuple[Event, ...],
    words: tuple[ReceiptEvent, ...],
) -> Standing:
    return Standing(
        id=move.id,
        batch_id=move.batch_id,
        source=row.source,
        line=row.line,
        material=row.material,
        route=tuple(move.route.split()),
        step=move.step,
        attempts=move.attempts,
        unknown_attempts=move.unknown_attempts,
        consignment=consignment,
        state=State(move.state),
        code=move.code,
        params=load(move.params),
        column=move.column,
        message_id=move.message_id or "",
        needs_person=move.needs_person,
        next_attempt_at=from_micros(move.next_attempt_at),
        changed_at=from_micros(move.changed_at),
        receipt=receipt,
        history=history,
        words=words,
    )
