"""Keeps what the channels' own logs tell of a message, and how far each log has been read.

Relies on the ledger's tables. Moves no consignment: `batch.ledger.receipts` does.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, or_, select, update

from batch.ledger.engine import insert_many, insert_unless_there
from batch.ledger.moments import from_micros, to_micros
from batch.ledger.store import CHANNEL_LOG, LATER_WORD, RECEIPT, Store, dump, load
from schemas.consignments import ReceiptEvent, ReceiptKind


def read_position(store: Store, channel: str) -> str:
    """Returns how far a channel's log has been read; empty before its first word."""
    query = select(CHANNEL_LOG.c.position).where(CHANNEL_LOG.c.channel == channel)
    with store.database.reading() as connection:
        return str(connection.scalar(query) or "")


def read_on(connection: Connection, channel: str, after: str, position: str) -> bool:
    """Moves a log's mark from `after` to `position`; False when somebody else has read on from there."""
    if not after:
        row: dict[str, object] = {"channel": channel, "position": position}
        return insert_unless_there(connection, CHANNEL_LOG, row)
    there = and_(CHANNEL_LOG.c.channel == channel, CHANNEL_LOG.c.position == after)
    return connection.execute(update(CHANNEL_LOG).where(there).values(position=position)).rowcount == 1


def keep_words(connection: Connection, words: Sequence[ReceiptEvent]) -> None:
    """Adds words in their order."""
    insert_many(
        connection,
        LATER_WORD,
        [
            (one.channel, one.external_id, one.kind.value, to_micros(one.at), one.code, dump(one.proof))
            for one in words
        ],
    )


def words_of(
    connection: Connection, consignment_id: str, channel: str, message_id: str
) -> tuple[ReceiptEvent, ...]:
    """Returns what was told of a consignment's messages: of each that has a receipt, and of the one at
    hand."""
    receipts = select(RECEIPT.c.channel, RECEIPT.c.external_id)
    receipts = receipts.where(RECEIPT.c.consignment_id == consignment_id)
    messages = {(channel, message_id), *(tuple(row) for row in connection.execute(receipts))}
    ours = (and_(LATER_WORD.c.channel == one, LATER_WORD.c.external_id == id_) for one, id_ in messages)
    query = select(LATER_WORD).where(or_(*ours))
    return tuple(
        ReceiptEvent(
            row.channel,
            row.external_id,
            ReceiptKind(row.kind),
            from_micros(row.at),
            row.code,
            load(row.proof),
        )
        for row in connection.execute(query.order_by(LATER_WORD.c.id))
    )
