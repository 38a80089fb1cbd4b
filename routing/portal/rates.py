"""Counts how often something happens and says when it is too often; shared by all portals of one database.

Relies on the library `limits` for what a rate means and on the portal's database for the counters (fixed
windows: at a window's edge up to twice the rate may pass). Addresses are counted by a keyed hash. A count may
be lost by a power cut, and nothing else: tries of a code are not counted here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Connection, case, delete, select

from routing.portal.database import Database, from_micros, to_micros
from routing.portal.keys import Secret
from routing.portal.tables import RATE
from schemas.errors import ServiceDown
from schemas.portal_settings import PortalRates

Wish = tuple[str, bytes]
"""Name of a rate in the settings, and whose it is (a link's locator, an address)."""
SWEEP_EVERY = 1000
_FROM_NARROW_TO_WIDE = tuple(PortalRates.model_fields)


class DatabaseStorage(Storage):
    """A storage of `limits` in the portal's database."""

    STORAGE_SCHEME = None

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._database = database
        self._now = now
        self._local = threading.local()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ServiceDown

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Counts, in a window that begins with the first count."""
        at = to_micros(self._now())
        ends_at = at + to_micros(from_micros(0) + timedelta(seconds=expiry))
        fresh = self._database.upserts()(RATE).values(id=key, amount=amount, ends_at=ends_at)
        over = RATE.c.ends_at <= at
        statement = fresh.on_conflict_do_update(
            index_elements=["id"],
            set_={
                "amount": case((over, amount), else_=RATE.c.amount + amount),
                "ends_at": case((over, ends_at), else_=RATE.c.ends_at),
            },
        )
        with self._one_transaction() as connection:
            return int(connection.scalar(statement.returning(RATE.c.amount)) or 0)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Makes the counts of this thread one transaction for the block: they cost a tenth of many."""
        with self._database.writing(loose=True) as connection:
            self._local.connection = connection
            try:
                yield
            finally:
                self._local.connection = None

    @contextmanager
    def _one_transaction(self) -> Iterator[Connection]:
        shared: Connection | None = getattr(self._local, "connection", None)
        if shared is not None:
            yield shared
            return
        with self._database.writing(loose=True) as connection:
            yield connection

    def get(self, key: str) -> int:
        query = select(RATE.c.amount).where(RATE.c.id == key, RATE.c.ends_at > to_micros(self._now()))
        with self._database.reading() as connection:
            return int(connection.scalar(query) or 0)

    def get_expiry(self, key: str) -> float:
        with self._database.reading() as connection:
            ends_at = connection.scalar(select(RATE.c.ends_at).where(RATE.c.id == key))
        return (from_micros(ends_at) if ends_at else self._now()).timestamp()

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        """Removes every counter whose window is over."""
        with self._database.writing(loose=True) as connection:
            # What another is counting just now stays: nobody waits for a sweep, nor it for them.
            over = select(RATE.c.id).where(RATE.c.ends_at <= to_micros(self._now()))
            free = over.with_for_update(skip_locked=True)
            return connection.execute(delete(RATE).where(RATE.c.id.in_(free))).rowcount

    def clear(self, key: str) -> None:
        with self._database.writing(loose=True) as connection:
            connection.execute(delete(RATE).where(RATE.c.id == key))


class Rates:
    """The rates of the settings."""

    def __init__(
        self, settings: PortalRates, database: Database, key: Secret, now: Callable[[], datetime]
    ) -> None:
        self._items: dict[str, RateLimitItem] = {
            name: parse(getattr(settings, name)) for name in PortalRates.model_fields
        }
        self._storage = DatabaseStorage(database, now)
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._key = key
        self._now = now
        self._told: dict[str, datetime] = {}
        self._asked = count(1)

    def allow(self, *wishes: Wish) -> bool:
        """Counts the wishes, and says whether all of them are within their rates."""
        return not self.refused_by(*wishes)

    def refused_by(self, *wishes: Wish) -> str:
        """Counts the wishes, and returns the name of the first rate that is exceeded, empty when none is.

        The narrowest rate is counted first, and what it refuses is counted in no wider one: who floods one
        link or comes from one address uses up nobody else's share.
        """
        self._sweep()
        # In one order everywhere, so that no two transactions wait for each other.
        asked = sorted((_FROM_NARROW_TO_WIDE.index(name), name, self._who(who)) for name, who in wishes)
        with self._storage.together():
            for _, name, who in asked:
                if not self._limiter.hit(self._items[name], name, who):
                    return name
        return ""

    def is_news(self, name: str) -> bool:
        """Says whether a refusal is to be told: once a minute for each rate, so that nobody fills a log."""
        now = self._now()
        if now < self._told.get(name, now):
            return False
        self._told[name] = now + timedelta(minutes=1)
        return True

    def _sweep(self) -> None:
        """Removes now and then what has run out: an address a request makes rows without end."""
        if next(self._asked) % SWEEP_EVERY == 0:
            self._storage.reset()

    def _who(self, who: bytes) -> str:
        return self._key.derive("rate", who).hex()[:24]
