"""Guards that a timetable's slot runs once, however many processes and clock changes there are.

Relies on the primary key of the slot table. Knows no timetable.
"""

from __future__ import annotations

from sqlalchemy import delete

from batch.ledger.engine import insert_unless_there
from batch.ledger.store import SLOT, Store

_KEPT_DAYS = 400
_DAY = 24 * 3600 * 1_000_000


def take_slot(store: Store, job: str, slot: str) -> bool:
    """Says True once for every (job, slot). Slots of more than a year ago are forgotten by the way."""
    at = store.micros()
    with store.database.writing() as connection:
        connection.execute(delete(SLOT).where(SLOT.c.job == job, SLOT.c.taken_at < at - _KEPT_DAYS * _DAY))
        return insert_unless_there(connection, SLOT, {"job": job, "slot": slot, "taken_at": at})
