"""The portal's store: everything both sides keep in the portal's own database.

Relies on the modules beside it, one per kind of row. Opens the database and hands the parts out; holds no
statement of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from routing.portal import births
from routing.portal.database import Database, parse_url, prepare_file
from routing.portal.parcel_rows import ParcelRows
from routing.portal.reply_rows import ReplyRows
from routing.portal.visits import Visits

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class PortalStore:
    """An open store; `close` it."""

    database: Database
    parcels: ParcelRows
    visits: Visits
    replies: ReplyRows
    now: Clock

    @staticmethod
    def open(url: str, *, mode: str, now: Clock, create: bool = False) -> PortalStore:
        """Opens the store; with `create` the schema is made or upgraded first.

        Raises ConfigurationError (`portal.database_…`) and ServiceDown where the database can't be reached.
        """
        parsed = parse_url(url)
        prepare_file(parsed, create)
        database = Database(parsed)
        try:
            if create:
                births.bring_up(database, mode, now())
            else:
                births.check(database, mode)
        except BaseException:
            database.close()
            raise
        parts = (ParcelRows(database, now), Visits(database, now), ReplyRows(database, now))
        return PortalStore(database, *parts, now)

    def close(self) -> None:
        """Closes every connection."""
        self.database.close()
