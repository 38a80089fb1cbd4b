"""Keeps parcels, their chunks and their events.

Relies on `database` and `tables`. Every change of a parcel writes its event in the same transaction, and the
events' numbers follow the order of their commits, so that a reader who goes on from a number misses none.
Does no cryptography.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update

from routing.portal.database import Database, Taken, from_micros, to_micros
from routing.portal.parcels import (
    LOCK_SECONDS,
    MAX_WRONG,
    WAS_READ,
    Happening,
    Parcel,
    ParcelState,
    PortalEvent,
    parcel_of,
    parcel_row,
)
from routing.portal.tables import CHALLENGE, CHUNK, EVENT, PARCEL, SESSION

SealedChunk = tuple[int, int, bytes]
"""Document's ordinal, number of the chunk, sealed bytes."""

READS_AN_HOUR = 60
_A_FEW = 8
_DETAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_ .:-]{0,63}")
_KNOWN = [kind.value for kind in Happening]
"""Others are none of ours: the web's side may add any, and one must not stop the reader."""
# Made once: every page asks it. What is unknown, has expired or was ended is alike no row, and takes as long.
_BY_LOCATOR = select(PARCEL).where(
    PARCEL.c.locator == bindparam("locator_is"),
    PARCEL.c.state == ParcelState.OPEN.value,
    PARCEL.c.expires_at > bindparam("now_is"),
)
_ENDS = {
    ParcelState.REVOKED: Happening.REVOKED,
    ParcelState.EXPIRED: Happening.EXPIRED,
    ParcelState.WITHDRAWN: Happening.WITHDRAWN,
    ParcelState.ERASED: Happening.ERASED,
}


class ParcelRows:
    """The parcels of one database."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    # --- the dispatching side

    def add(self, parcel: Parcel, chunks: Iterable[SealedChunk]) -> bool:
        """Keeps a new parcel whole; False, and nothing changed, when its message id is there already."""
        try:
            with self._database.writing() as connection:
                connection.execute(insert(PARCEL).values(parcel_row(parcel)))
                _add_chunks(connection, parcel.id, chunks)
                self.tell(connection, parcel.id, Happening.SEALED)
        except Taken:
            return False
        return True

    def renew(self, parcel: Parcel, chunks: Iterable[SealedChunk], detail: str) -> bool:
        """Replaces what an open parcel holds by the same sealed anew; the old link opens nothing any more."""
        with self._database.writing() as connection:
            held = self._locked(connection, parcel.id)
            if held is None or not held.is_open(self._now()):
                return False
            fresh = replace(parcel, n_wrong=0, n_locks=0, locked_until=from_micros(0))
            connection.execute(update(PARCEL).where(PARCEL.c.id == parcel.id).values(parcel_row(fresh)))
            _forget_contents(connection, parcel.id)
            _add_chunks(connection, parcel.id, chunks)
            self.tell(connection, parcel.id, Happening.LINK_RENEWED, detail)
        self._database.wipe_log()
        return True

    def by_message(self, message_id: str) -> Parcel | None:
        """Returns the parcel of a message id, in whatever state."""
        return self._one(PARCEL.c.message_id == message_id)

    def by_id(self, parcel_id: str) -> Parcel | None:
        """Returns a parcel in whatever state."""
        return self._one(PARCEL.c.id == parcel_id)

    def by_subject(self, subject: str) -> Parcel | None:
        """Returns the newest parcel of a consignment's id, a message id or a parcel's id."""
        which = (PARCEL.c.consignment_id == subject) | (PARCEL.c.message_id == subject)
        return self._one(which | (PARCEL.c.id == subject))

    def generations(self, message_ids: Collection[str]) -> dict[str, int]:
        """Returns the generation of the link of each of these messages whose parcel is open."""
        query = select(PARCEL.c.message_id, PARCEL.c.generation)
        query = query.where(PARCEL.c.message_id.in_(message_ids), PARCEL.c.state == ParcelState.OPEN.value)
        with self._database.reading() as connection:
            return {row.message_id: row.generation for row in connection.execute(query)}

    def listed(self, state: str | None, limit: int) -> list[Parcel]:
        """Returns the newest parcels, of one state if it is given."""
        query = select(PARCEL).order_by(PARCEL.c.created_at.desc(), PARCEL.c.id).limit(limit)
        query = query if state is None else query.where(PARCEL.c.state == state)
        with self._database.reading() as connection:
            return [parcel_of(row) for row in connection.execute(query)]

    def set_notice(self, parcel_id: str) -> None:
        """Notes that the notice was accepted; a second time changes nothing."""
        at = to_micros(self._now())
        statement = update(PARCEL).where(PARCEL.c.id == parcel_id, PARCEL.c.notice_at.is_(None))
        with self._database.writing() as connection:
            if connection.execute(statement.values(notice_at=at)).rowcount:
                self.tell(connection, parcel_id, Happening.NOTICE_SENT)

    def set_reminded(self, parcel_id: str) -> None:
        """Notes that a reminder was sent."""
        at = to_micros(self._now())
        with self._database.writing() as connection:
            connection.execute(update(PARCEL).where(PARCEL.c.id == parcel_id).values(reminded_at=at))
            self.tell(connection, parcel_id, Happening.REMINDED)

    def to_remind(self, sent_before: datetime, limit: int) -> list[Parcel]:
        """Returns open parcels that nobody has read and of which nobody was reminded."""
        due = and_(
            PARCEL.c.state == ParcelState.OPEN.value,
            PARCEL.c.notice_at < to_micros(sent_before),
            PARCEL.c.expires_at > to_micros(self._now()),
            PARCEL.c.read_at.is_(None),
            PARCEL.c.reminded_at.is_(None),
        )
        with self._database.reading() as connection:
            return [parcel_of(row) for row in connection.execute(select(PARCEL).where(due).limit(limit))]

    def end(self, parcel_id: str, state: ParcelState, detail: str = "") -> bool:
        """Ends an open parcel and destroys all that could open it; False when it has ended already."""
        with self._database.writing() as connection:
            held = self._locked(connection, parcel_id)
            if held is None or held.state is not ParcelState.OPEN:
                return False
            self._end(connection, held.id, state, detail)
        self._database.wipe_log()  # else what was destroyed stands there as long as a portal is open
        return True

    def end_expired(self) -> int:
        """Ends every parcel whose time is over; returns how many."""
        at = to_micros(self._now())
        is_due = and_(PARCEL.c.state == ParcelState.OPEN.value, PARCEL.c.expires_at <= at)
        with self._database.writing() as connection:
            due = connection.execute(
                self._database.locked(select(PARCEL.c.id, PARCEL.c.read_at).where(is_due))
            )
            rows = due.all()
            for row in rows:
                detail = "" if row.read_at is None else WAS_READ
                self._end(connection, row.id, ParcelState.EXPIRED, detail)
        return len(rows)

    def extend(self, parcel_id: str, until: datetime) -> bool:
        """Moves an open parcel's end; False when it has ended already."""
        with self._database.writing() as connection:
            held = self._locked(connection, parcel_id)
            if held is None or not held.is_open(self._now()):
                return False
            values = {"expires_at": to_micros(until)}
            connection.execute(update(PARCEL).where(PARCEL.c.id == parcel_id).values(values))
            self.tell(connection, parcel_id, Happening.EXTENDED, until.date().isoformat())
        return True

    def unlock(self, parcel_id: str) -> bool:
        """Takes every lock off an open parcel."""
        with self._database.writing() as connection:
            held = self._locked(connection, parcel_id)
            if held is None or not held.is_open(self._now()):
                return False
            connection.execute(
                update(PARCEL)
                .where(PARCEL.c.id == parcel_id)
                .values({"n_wrong": 0, "n_locks": 0, "locked_until": 0})
            )
            self.tell(connection, parcel_id, Happening.UNLOCKED)
        return True

    def purge(self, ended_before: datetime) -> int:
        """Removes parcels that ended long ago, with their events; returns how many."""
        old = and_(PARCEL.c.state != ParcelState.OPEN.value, PARCEL.c.ended_at < to_micros(ended_before))
        with self._database.writing() as connection:
            return connection.execute(delete(PARCEL).where(old)).rowcount

    def remove(self, parcel_id: str) -> None:
        """Removes a parcel with its events: its notice never left, so there is nothing to give evidence
        of."""
        with self._database.writing() as connection:
            connection.execute(delete(PARCEL).where(PARCEL.c.id == parcel_id))

    # --- events

    def note(self, parcel_id: str, kind: Happening, detail: str = "") -> None:
        """Adds an event in a transaction of its own."""
        with self._database.writing() as connection:
            self.tell(connection, parcel_id, kind, detail)

    def tell(self, connection: Connection, parcel_id: str, kind: Happening, detail: str = "") -> None:
        """Adds an event to a transaction; its number is given under a lock, so numbers follow commits."""
        self._database.one_at_a_time(connection)
        values = {"parcel_id": parcel_id, "kind": kind.value, "at": to_micros(self._now()), "detail": detail}
        connection.execute(insert(EVENT).values(values))

    def events(
        self, after: int = 0, message_ids: Sequence[str] | None = None, limit: int = 1000
    ) -> list[PortalEvent]:
        """Returns events with numbers above `after`, in order; of these messages only, if given."""
        query = select(EVENT, PARCEL.c.message_id).join(PARCEL, PARCEL.c.id == EVENT.c.parcel_id)
        query = query.where(EVENT.c.seq > after, EVENT.c.kind.in_(_KNOWN)).order_by(EVENT.c.seq).limit(limit)
        if message_ids is not None:
            query = query.where(PARCEL.c.message_id.in_(list(message_ids)))
        with self._database.reading() as connection:
            return [_event(row) for row in connection.execute(query)]

    # --- the web application

    def by_locator(self, locator: bytes) -> Parcel | None:
        """Returns the open parcel of a link; None for unknown, expired, revoked and erased alike."""
        given = {"locator_is": locator, "now_is": to_micros(self._now())}
        with self._database.asking() as connection:
            row = connection.execute(_BY_LOCATOR, given).first()
        return None if row is None else parcel_of(row)

    def chunks(self, parcel_id: str, ordinal: int) -> Iterator[bytes]:
        """Yields a document's sealed chunks in order, a few in memory at a time."""
        number = 0
        while True:
            query = select(CHUNK.c.data).where(
                CHUNK.c.parcel_id == parcel_id, CHUNK.c.ordinal == ordinal, CHUNK.c.number >= number
            )
            with self._database.reading() as connection:
                found = list(connection.scalars(query.order_by(CHUNK.c.number).limit(_A_FEW)))
            yield from found
            if len(found) < _A_FEW:
                return
            number += _A_FEW

    def set_read(self, parcel_id: str, kind: Happening, detail: str) -> None:
        """Notes that a document was shown or downloaded; the first time makes the parcel read.

        So many are noted in an hour and no more: each goes on into the ledger.
        """
        now = self._now()
        at, an_hour_ago = to_micros(now), to_micros(now - timedelta(hours=1))
        same = and_(EVENT.c.parcel_id == parcel_id, EVENT.c.kind == kind.value, EVENT.c.at > an_hour_ago)
        with self._database.writing() as connection:
            unread = update(PARCEL).where(PARCEL.c.id == parcel_id, PARCEL.c.read_at.is_(None))
            connection.execute(unread.values(read_at=at))
            n_noted = connection.scalar(select(func.count()).select_from(EVENT).where(same)) or 0
            if n_noted < READS_AN_HOUR:
                self.tell(connection, parcel_id, kind, detail)

    def reserve_try(self, parcel_id: str) -> Parcel | None:
        """Counts a try before it is judged, so that no two at once count as one; None when locked.

        Returns the parcel as it was before. The fifth try locks it, this one only; `forgive` takes the try
        back where it was the right one.
        """
        now = self._now()
        with self._database.writing() as connection:
            held = self._locked(connection, parcel_id)
            if held is None or not held.is_open(now) or held.is_locked(now):
                return None
            n_wrong = held.n_wrong + 1
            values: dict[str, Any] = {"n_wrong": n_wrong}
            if n_wrong >= MAX_WRONG:
                seconds = LOCK_SECONDS[held.n_locks] if held.n_locks < len(LOCK_SECONDS) else 0
                until = to_micros(now + timedelta(seconds=seconds))
                values = {"n_wrong": 0, "n_locks": held.n_locks + 1, "locked_until": until}
            connection.execute(update(PARCEL).where(PARCEL.c.id == parcel_id).values(values))
        return held

    def forgive(self, before: Parcel) -> None:
        """Takes back a try that `reserve_try` counted, after the right answer, and the lock if that set it.

        Locks that others' wrong answers have earned stay, also one of this very moment.
        """
        values: dict[str, Any] = {"n_wrong": 0}
        with self._database.writing() as connection:
            held = self._locked(connection, before.id)
            if held is not None and before.n_wrong + 1 >= MAX_WRONG and held.n_locks == before.n_locks + 1:
                values |= {"n_locks": before.n_locks, "locked_until": 0}
            connection.execute(update(PARCEL).where(PARCEL.c.id == before.id).values(values))

    # --- inside

    def _one(self, which: Any) -> Parcel | None:
        query = select(PARCEL).where(which).order_by(PARCEL.c.created_at.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else parcel_of(row)

    def _locked(self, connection: Connection, parcel_id: str) -> Parcel | None:
        query = self._database.locked(select(PARCEL).where(PARCEL.c.id == parcel_id))
        row = connection.execute(query).first()
        return None if row is None else parcel_of(row)

    def _end(self, connection: Connection, parcel_id: str, state: ParcelState, detail: str) -> None:
        _forget_contents(connection, parcel_id)
        nothing = {"wrapped_key": b"", "envelope": b"", "notice_box": b""}
        ended = {"state": state.value, "ended_at": to_micros(self._now())}
        connection.execute(update(PARCEL).where(PARCEL.c.id == parcel_id).values(nothing | ended))
        self.tell(connection, parcel_id, _ENDS[state], detail)


def _event(row: Any) -> PortalEvent:
    """Returns an event; its detail goes on into the ledger and its lists, so one that is none of ours is
    left out."""
    detail = row.detail if _DETAIL.fullmatch(row.detail) else ""
    return PortalEvent(
        row.seq, row.parcel_id, row.message_id, Happening(row.kind), from_micros(row.at), detail
    )


def _add_chunks(connection: Connection, parcel_id: str, chunks: Iterable[SealedChunk]) -> None:
    for ordinal, number, data in chunks:
        values = {"parcel_id": parcel_id, "ordinal": ordinal, "number": number, "data": data}
        connection.execute(insert(CHUNK).values(values))


def _forget_contents(connection: Connection, parcel_id: str) -> None:
    for table in (CHUNK, CHALLENGE, SESSION):
        connection.execute(delete(table).where(table.c.parcel_id == parcel_id))
