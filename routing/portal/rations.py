"""Counts what may go out on a day, shared by all portals of one database.

Relies on the counters of `rates`. A day is 24 hours from its first count. Whose a count is stands there as a
keyed hash.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from routing.portal.database import Database
from routing.portal.keys import Secret
from routing.portal.rates import DatabaseStorage

DAY_SECONDS = 86_400


class DailyRation:
    """The counts of one database; safe for several threads."""

    def __init__(self, database: Database, key: Secret, now: Callable[[], datetime]) -> None:
        self._storage = DatabaseStorage(database, now)
        self._key = key

    def take(self, what: str, who: bytes, most: int) -> bool:
        """Counts one and says whether it is within `most` a day."""
        place = f"ration/{what}/{self._key.derive('ration', who).hex()[:24]}"
        return self._storage.incr(place, DAY_SECONDS) <= most
