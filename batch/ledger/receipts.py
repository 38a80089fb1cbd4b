"""Takes later word about accepted consignments: late, double or unknown, it only moves them forward.

Relies on `batch.ledger.moves` and `batch.ledger.later_words`. Asks no channel: the collect job does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select, update

from batch.ledger.engine import update_many
from batch.ledger.enrolments import forget_recipients
from batch.ledger.later_words import keep_words, read_on
from batch.ledger.moments import to_micros
from batch.ledger.moves import Move, read_moves, stop_returning, write_moves
from batch.ledger.outcomes import onward
from batch.ledger.store import CONSIGNMENT, RECEIPT, Store, chunks, dump, in_state, load
from schemas.consignments import ReceiptEvent, ReceiptKind
from schemas.states import Cause, State

_CAUSES = {
    ReceiptKind.CONFIRMED: Cause.CONFIRMED,
    ReceiptKind.READ: Cause.CONFIRMED,  # who has read it has got it
    ReceiptKind.RETURNED: Cause.RETURNED,
    ReceiptKind.REFUSED: Cause.REFUSED,
}
_ADD_PROOF = update(RECEIPT).where(
    RECEIPT.c.channel == bindparam("channel_is"), RECEIPT.c.external_id == bindparam("external_id_is")
)


class _Proof:
    """A receipt whose proof grows by what the later word brought."""

    def __init__(self, row: Any, event: ReceiptEvent) -> None:
        self.channel_is, self.external_id_is = row.channel, row.external_id
        self.proof = dump({**load(row.proof), **event.proof})


def awaiting(store: Store, channel: str, limit: int, after: str, before: datetime | None = None) -> list[str]:
    """Returns external ids of a channel's accepted consignments, in the ledger's order, behind `after`."""
    joined = RECEIPT.join(
        CONSIGNMENT,
        and_(CONSIGNMENT.c.id == RECEIPT.c.consignment_id, CONSIGNMENT.c.step == RECEIPT.c.step),
    )
    query = select(RECEIPT.c.external_id).select_from(joined)
    query = query.where(CONSIGNMENT.c.channel == channel, in_state(State.ACCEPTED))
    if before is not None:
        query = query.where(RECEIPT.c.at < to_micros(before))
    last = select(RECEIPT.c.consignment_id).where(
        RECEIPT.c.channel == channel, RECEIPT.c.external_id == after
    )
    with store.database.reading() as connection:
        last_id = connection.scalar(last) if after else None
        if last_id is not None:
            query = query.where(CONSIGNMENT.c.id > last_id)
        return list(connection.scalars(query.order_by(CONSIGNMENT.c.id).limit(limit)))


def record_receipts(store: Store, events: Iterable[ReceiptEvent], actor: str) -> int:
    """Records later word; returns how many consignments it moved. See `Ledger.record_receipts`."""
    return sum(_record_some(store, part, actor) for part in chunks(events))


def record_log(
    store: Store, channel: str, words: Sequence[ReceiptEvent], after: str, actor: str
) -> int | None:
    """Records a part of a channel's log, with how far it is read. See `Ledger.record_log`."""
    at = store.micros()
    with store.database.writing() as connection:
        if not read_on(connection, channel, after, words[-1].position):
            return None
        keep_words(connection, words)
        return _record(connection, words, actor, at)


def _record_some(store: Store, events: Sequence[ReceiptEvent], actor: str) -> int:
    at = store.micros()
    with store.database.writing() as connection:
        return _record(connection, events, actor, at)


def _record(connection: Connection, events: Sequence[ReceiptEvent], actor: str, at: int) -> int:
    moved: list[Move] = []
    proofs: list[_Proof] = []
    rejected: dict[str, list[str]] = {}
    events = [event for event in events if event.kind in _CAUSES]
    receipts = _find_receipts(connection, events)
    ids = {row.consignment_id for row in receipts.values()}
    accepted = read_moves(connection, ids, in_state(State.ACCEPTED))
    for event in events:
        row = receipts.get((event.channel, event.external_id))
        move = accepted.get(row.consignment_id) if row is not None else None
        if row is None or move is None or move.step != row.step:
            continue  # unknown, or later than a later word
        del accepted[move.id]
        _apply(move, event, actor, at)
        moved.append(move)
        proofs += [_Proof(row, event)] if event.proof else []
        if event.kind in (ReceiptKind.RETURNED, ReceiptKind.REFUSED):
            rejected.setdefault(event.channel, []).append(move.id)
    stop_returning(connection, moved, at)
    write_moves(connection, moved)
    update_many(connection, _ADD_PROOF, ("proof",), proofs)
    for channel, consignment_ids in rejected.items():
        forget_recipients(connection, channel, consignment_ids)
    return len(moved)


def _find_receipts(connection: Connection, events: Sequence[ReceiptEvent]) -> dict[tuple[str, str], Any]:
    wanted: dict[str, list[str]] = {}
    for event in events:
        wanted.setdefault(event.channel, []).append(event.external_id)
    found: dict[tuple[str, str], Any] = {}
    for channel, ids in wanted.items():
        query = select(RECEIPT).where(RECEIPT.c.channel == channel, RECEIPT.c.external_id.in_(ids))
        found.update(((row.channel, row.external_id), row) for row in connection.execute(query))
    return found


def _apply(move: Move, event: ReceiptEvent, actor: str, at: int) -> None:
    cause = _CAUSES[event.kind]
    cause = onward(move, cause) if cause is Cause.RETURNED else cause
    move.say(event.code)
    move.next_attempt_at = at
    move.go(cause, actor=actor, at=at, code=event.code)
