"""Keeps replies until the dispatching side has fetched them; each is sealed to the source before it comes
here.

Relies on `database` and `tables`. What is kept here the portal can't read back. A reply is removed once it
lies in the source's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, func, select

from routing.portal.database import Database, from_micros, to_micros
from routing.portal.parcel_rows import ParcelRows
from routing.portal.parcels import Happening
from routing.portal.tables import PARCEL, REPLY


@dataclass(frozen=True, slots=True)
class KeptReply:
    """A sealed reply and the message it answers."""

    id: str
    parcel_id: str
    message_id: str
    source: str
    created_at: datetime
    n_files: int
    sealed: bytes = field(repr=False)


class ReplyRows:
    """The replies of one database."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._events = ParcelRows(database, now)

    def keep(self, reply_id: str, parcel_id: str, sealed: bytes, n_files: int) -> bool:
        """Makes a reply durable; only after this may the person be told. False when it is there already."""
        row = {
            "id": reply_id,
            "parcel_id": parcel_id,
            "created_at": to_micros(self._now()),
            "n_files": n_files,
            "n_bytes": len(sealed),
            "sealed": sealed,
        }
        statement = self._database.upserts()(REPLY).values(row).on_conflict_do_nothing()
        with self._database.writing() as connection:
            new = connection.execute(statement.returning(REPLY.c.id)).first() is not None
            if new:
                self._events.tell(connection, parcel_id, Happening.REPLIED, f"{n_files}")
        return new

    def waiting(self) -> Iterator[KeptReply]:
        """Yields replies that nobody has fetched, the oldest first, one in memory at a time."""
        seen = ""
        while True:
            joined = select(REPLY, PARCEL.c.message_id, PARCEL.c.source).join(PARCEL)
            query = joined.where(REPLY.c.id > seen).order_by(REPLY.c.id).limit(1)
            with self._database.reading() as connection:
                row = connection.execute(query).first()
            if row is None:
                return
            seen = row.id
            yield KeptReply(
                row.id,
                row.parcel_id,
                row.message_id,
                row.source,
                from_micros(row.created_at),
                row.n_files,
                bytes(row.sealed),
            )

    def n_waiting(self) -> int:
        """Returns how many replies wait to be fetched."""
        with self._database.reading() as connection:
            return int(connection.scalar(select(func.count()).select_from(REPLY)) or 0)

    def fetched(self, reply_id: str, parcel_id: str) -> None:
        """Removes a reply that lies safely in the source's folder."""
        with self._database.writing() as connection:
            if connection.execute(delete(REPLY).where(REPLY.c.id == reply_id)).rowcount:
                self._events.tell(connection, parcel_id, Happening.REPLY_FETCHED)
