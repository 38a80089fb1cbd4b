"""Pauses a channel whose other side does not answer, and lets one probe through when the pause is over.

Relies on a clock that is passed in. Burns no attempts: while it is open nothing is claimed. Lives in the
process; a pause that must outlive it stands in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta


class Breaker:
    """Opens after `failures` in a row; each failed probe doubles the pause, up to an hour."""

    MAX_PAUSE_SECONDS = 3600.0

    def __init__(self, failures: int, pause_seconds: float, now: Callable[[], datetime]) -> None:
        self._limit = failures
        self._first_pause = pause_seconds
        self._now = now
        self._in_row = 0
        self._pause = pause_seconds
        self.open_until: datetime | None = None

    @property
    def closed(self) -> bool:
        """True when sends may go on freely."""
        return self.open_until is None

    @property
    def may_probe(self) -> bool:
        """True when the pause is over and one send may try the other side."""
        return self.open_until is not None and self._now() >= self.open_until

    def succeeded(self) -> None:
        """The other side answered, whatever it said."""
        self._in_row = 0
        self._pause = self._first_pause
        self.open_until = None

    def failed(self) -> None:
        """The other side did not answer, or only said that it can't."""
        self._in_row += 1
        if self.open_until is not None:
            if self._now() < self.open_until:
                return  # a send that was already on its way says nothing new
            self._pause = min(self._pause * 2, self.MAX_PAUSE_SECONDS)
        elif self._in_row < self._limit:
            return
        self.open_until = self._now() + timedelta(seconds=self._pause)
