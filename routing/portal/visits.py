"""Keeps what a visit needs: challenges (a code that was asked for) and sessions (a person who proved to be
one).

Relies on `database` and `tables`. Both are found by the hash of something that only the visitor's browser
has, and what they hold is sealed under it: a stolen database opens none. Judges no code: see `proving`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from routing.portal.database import Database, from_micros, to_micros
from routing.portal.tables import CHALLENGE, RATE, SESSION

TOUCH_SECONDS = 30
MAX_SESSIONS = 5
"""Sessions on one parcel at the same time."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A question that waits for an answer. `id` is a hash, `proof` what the answer is compared with."""

    id: bytes = field(repr=False)
    parcel_id: str
    method: str
    proof: bytes = field(repr=False)
    box: bytes = field(repr=False)
    expires_at: datetime
    n_tries: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """A visit of a person who proved who they are; `box` holds the link's token, sealed."""

    id: bytes = field(repr=False)
    parcel_id: str
    method: str
    box: bytes = field(repr=False)
    created_at: datetime
    seen_at: datetime
    ends_at: datetime


class Visits:
    """Challenges and sessions of one database."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def ask(self, challenge: Challenge) -> None:
        """Keeps a challenge; an earlier one of the same browser, parcel and method is void."""
        row = {
            "id": challenge.id,
            "parcel_id": challenge.parcel_id,
            "method": challenge.method,
            "proof": challenge.proof,
            "box": challenge.box,
            "created_at": to_micros(self._now()),
            "expires_at": to_micros(challenge.expires_at),
            "n_tries": 0,
        }
        with self._database.writing() as connection:
            connection.execute(delete(CHALLENGE).where(CHALLENGE.c.id == challenge.id))
            connection.execute(insert(CHALLENGE).values(row))

    def asked(self, challenge_id: bytes, max_tries: int) -> Challenge | None:
        """Returns a challenge that may still be answered, and counts a try on it; None otherwise."""
        with self._database.writing() as connection:
            query = select(CHALLENGE).where(CHALLENGE.c.id == challenge_id)
            row = connection.execute(self._database.locked(query)).first()
            if row is None or row.expires_at <= to_micros(self._now()) or row.n_tries >= max_tries:
                return None
            counted = update(CHALLENGE).where(CHALLENGE.c.id == challenge_id)
            connection.execute(counted.values(n_tries=row.n_tries + 1))
            expires_at = from_micros(row.expires_at)
            return Challenge(row.id, row.parcel_id, row.method, row.proof, row.box, expires_at, row.n_tries)

    def used(self, challenge_id: bytes) -> bool:
        """Takes a challenge away; False when somebody was quicker: it counts once."""
        with self._database.writing() as connection:
            return bool(connection.execute(delete(CHALLENGE).where(CHALLENGE.c.id == challenge_id)).rowcount)

    def begin(self, session: Session, former_id: bytes = b"") -> None:
        """Keeps a session, which takes a former one's place; of more than a few on one parcel the oldest
        end."""
        row = {
            "id": session.id,
            "parcel_id": session.parcel_id,
            "method": session.method,
            "box": session.box,
            "created_at": to_micros(session.created_at),
            "seen_at": to_micros(session.seen_at),
            "ends_at": to_micros(session.ends_at),
        }
        with self._database.writing() as connection:
            former = delete(SESSION).where(
                SESSION.c.parcel_id == session.parcel_id, SESSION.c.id == former_id
            )
            connection.execute(former)
            connection.execute(insert(SESSION).values(row))
            ours = select(SESSION.c.id).where(SESSION.c.parcel_id == session.parcel_id)
            newest = ours.order_by(SESSION.c.created_at.desc(), SESSION.c.seen_at.desc()).offset(MAX_SESSIONS)
            for old in list(connection.scalars(newest)):
                connection.execute(delete(SESSION).where(SESSION.c.id == old, SESSION.c.id != session.id))

    def session(
        self, session_id: bytes, parcel_id: str, idle: timedelta, *, seen: bool = True
    ) -> Session | None:
        """Returns a session that is alive, and notes now and then that it was seen, unless it was not."""
        now = self._now()
        with self._database.reading() as connection:
            query = select(SESSION).where(SESSION.c.id == session_id, SESSION.c.parcel_id == parcel_id)
            row = connection.execute(query).first()
        if row is None:
            return None
        times = (from_micros(row.created_at), from_micros(row.seen_at), from_micros(row.ends_at))
        found = Session(row.id, row.parcel_id, row.method, row.box, *times)
        if now >= found.ends_at or now - found.seen_at > idle:
            return None
        if seen and now - found.seen_at > timedelta(seconds=TOUCH_SECONDS):
            self._touch(session_id, now)
            return replace(found, seen_at=now)
        return found

    def end(self, parcel_id: str) -> bool:
        """Ends every session on a parcel, wherever it was begun."""
        with self._database.writing() as connection:
            return bool(connection.execute(delete(SESSION).where(SESSION.c.parcel_id == parcel_id)).rowcount)

    def sweep(self) -> None:
        """Removes what has run out, counters of rates included."""
        at = to_micros(self._now())
        with self._database.writing() as connection:
            connection.execute(delete(CHALLENGE).where(CHALLENGE.c.expires_at <= at))
            connection.execute(delete(SESSION).where(SESSION.c.ends_at <= at))
            connection.execute(delete(RATE).where(RATE.c.ends_at <= at))

    def _touch(self, session_id: bytes, now: datetime) -> None:
        with self._database.writing(loose=True) as connection:
            connection.execute(
                update(SESSION).where(SESSION.c.id == session_id).values(seen_at=to_micros(now))
            )
