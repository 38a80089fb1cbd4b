"""Lets at most so many deliveries to one domain go on at once.

Relies on asyncio; belongs to one event loop. Keeps nothing of a domain that nobody delivers to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class DomainTurns:
    """Turns by domain, first come first served."""

    def __init__(self, per_domain: int) -> None:
        self._per_domain = per_domain
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._n_users: dict[str, int] = {}

    @asynccontextmanager
    async def turn(self, domain: str) -> AsyncIterator[None]:
        """Waits for a turn, and has it for the block."""
        slot = self._slots.setdefault(domain, asyncio.Semaphore(self._per_domain))
        self._n_users[domain] = self._n_users.get(domain, 0) + 1
        try:
            async with slot:
                yield
        finally:
            self._n_users[domain] -= 1
            if not self._n_users[domain]:
                del self._n_users[domain], self._slots[domain]
