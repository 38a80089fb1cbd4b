"""Keeps open sessions for a few seconds, for the next mail to the same server under the same demand.

Relies on asyncio's clock; belongs to one event loop. Opens nothing: see `dialling`.
"""

from __future__ import annotations

import asyncio

from routing.mail.dialling import Place
from routing.mail.smtp_session import Session

IDLE_SECONDS = 4.0
MAX_IDLE = 64
MAX_MAILS = 50
"""So many mails on one connection; many servers count, and hang up."""


class Parking:
    """Idle sessions by place."""

    def __init__(self) -> None:
        self._idle: dict[Place, list[Session]] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    def take(self, place: Place) -> Session | None:
        """Returns the session that was used last, if it still stands."""
        waiting = self._idle.get(place, [])
        while waiting:
            session = waiting.pop()
            if not waiting:
                self._idle.pop(place, None)
            if self._stands(session):
                session.wire.idle = False
                return session
            session.close()
        return None

    def park(self, place: Place, session: Session) -> None:
        """Keeps a session whose last mail was taken, or takes leave of it."""
        n_idle = sum(len(waiting) for waiting in self._idle.values())
        if session.n_mails >= MAX_MAILS or n_idle >= MAX_IDLE or session.wire.has_word:
            session.close()
            return
        session.wire.idle = True
        session.idle_since = asyncio.get_running_loop().time()
        self._idle.setdefault(place, []).append(session)
        if self._sweeper is None:
            self._sweep_later()

    def close(self) -> None:
        """Takes leave of all."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for waiting in self._idle.values():
            for session in waiting:
                session.close()
        self._idle.clear()

    def _stands(self, session: Session) -> bool:
        age = asyncio.get_running_loop().time() - session.idle_since
        return session.wire.alive and not session.wire.has_word and age < IDLE_SECONDS

    def _sweep_later(self) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Takes leave of those that have waited too long, so that no server waits for us."""
        self._sweeper = None
        for place, waiting in list(self._idle.items()):
            for session in [one for one in waiting if not self._stands(one)]:
                waiting.remove(session)
                session.close()
            if not waiting:
                del self._idle[place]
        if self._idle:
            self._sweep_later()
