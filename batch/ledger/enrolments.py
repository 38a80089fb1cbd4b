"""Keeps enrolment answers in the ledger's database; recipients only as keyed hashes.

Relies on the vault for the hash. Answers are written in groups: until then they wait in memory, and losing
them costs a look-up and nothing more. Forgetting happens at once, and makes the daily list in
`enrolment_lists` say nothing about the recipient either. Decides nothing about age: the caller says how old
an answer may be (facts/eboks.md: at most 24 hours).
"""

from __future__ import annotations

from collections.abc import Collection
from threading import Lock

from sqlalchemy import Connection, delete, select

from batch.ledger.engine import insert_or_replace
from batch.ledger.enrolment_lists import EnrolmentLists, doubt
from batch.ledger.moments import from_micros
from batch.ledger.store import CONSIGNMENT, ENROLMENT, Store
from schemas.channels import KeptEnrolment, Listed

_GROUP = 200
_SECOND = 1_000_000

_Key = tuple[str, str, int]  # channel, recipient's hash, material


class KeptEnrolments:
    """An enrolment cache (`schemas.channels.EnrolmentCache`) over the ledger's database.

    `lists` holds the daily lists, of which the cache makes one recipient after another doubtful.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.lists = EnrolmentLists(store)
        self._lock = Lock()
        self._waiting: dict[_Key, tuple[str, int]] = {}  # → answer, asked at

    def recall(
        self, channel: str, material_id: int, recipient: str, max_age_seconds: float
    ) -> KeptEnrolment | None:
        """Returns the answer kept for this recipient's digits, or None when there is none young enough."""
        key = self._key(channel, material_id, recipient)
        with self._lock:
            found = self._waiting.get(key)
        found = found or self._read(key)
        if found is None:
            return None
        answer, asked_at = found
        age = self._store.micros() - asked_at
        if not 0 <= age <= max_age_seconds * _SECOND:
            return None
        return KeptEnrolment(answer, from_micros(asked_at))

    def remember(self, channel: str, material_id: int, recipient: str, answer: str) -> None:
        """Keeps an answer; it reaches the database with the next group."""
        key = self._key(channel, material_id, recipient)
        with self._lock:
            self._waiting[key] = (answer, self._store.micros())
            full = len(self._waiting) >= _GROUP
        if full:
            self.flush()

    def forget(self, channel: str, recipient: str) -> None:
        """Drops every answer kept for this recipient, the list's too: a reject has shown it to be old."""
        hashed = self._hash(recipient)
        with self._lock:
            for key in [key for key in self._waiting if key[:2] == (channel, hashed)]:
                del self._waiting[key]
            with self._store.database.writing() as connection:
                _forget(connection, channel, [hashed])

    def listed(self, channel: str, recipient: str, max_age_seconds: float) -> Listed | None:
        """Returns what the channel's daily list says, or None when there is no list young enough."""
        return self.lists.listed(channel, recipient, max_age_seconds)

    def flush(self) -> None:
        """Writes what waits, in one transaction."""
        with self._lock:
            if not self._waiting:
                return
            rows: list[dict[str, object]] = [
                {
                    "channel": key[0],
                    "recipient_key": key[1],
                    "material_id": key[2],
                    "answer": answer,
                    "asked_at": asked_at,
                }
                for key, (answer, asked_at) in sorted(self._waiting.items())
            ]
            with self._store.database.writing() as connection:
                insert_or_replace(connection, ENROLMENT, rows)
            self._waiting.clear()

    def drop_older(self, max_age_seconds: float) -> int:
        """Deletes answers that are too old for anybody; returns how many."""
        limit = self._store.micros() - int(max_age_seconds * _SECOND)
        with self._store.database.writing() as connection:
            return connection.execute(delete(ENROLMENT).where(ENROLMENT.c.asked_at < limit)).rowcount

    def _read(self, key: _Key) -> tuple[str, int] | None:
        query = select(ENROLMENT.c.answer, ENROLMENT.c.asked_at).where(
            ENROLMENT.c.channel == key[0],
            ENROLMENT.c.recipient_key == key[1],
            ENROLMENT.c.material_id == key[2],
        )
        with self._store.database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row.answer, row.asked_at)

    def _key(self, channel: str, material_id: int, recipient: str) -> _Key:
        return channel, self._hash(recipient), material_id

    def _hash(self, recipient: str) -> str:
        return self._store.vault.recipient_key(self._store.tenant, recipient)


def forget_recipients(connection: Connection, channel: str, consignment_ids: Collection[str]) -> None:
    """Drops what is kept about the recipients of consignments that came back or were refused later."""
    query = select(CONSIGNMENT.c.recipient_key).where(CONSIGNMENT.c.id.in_(consignment_ids)).distinct()
    _forget(connection, channel, list(connection.scalars(query)))


def _forget(connection: Connection, channel: str, keys: Collection[str]) -> None:
    known = ENROLMENT.c.channel == channel, ENROLMENT.c.recipient_key.in_(keys)
    connection.execute(delete(ENROLMENT).where(*known))
    doubt(connection, channel, keys)
