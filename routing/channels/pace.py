"""Keeps a mail channel under its rate: never more than so many mails in any one second.

Relies on the running event loop's clock. A place is given back one window after the call has ended, so that
however long a call was under way, two calls in one place reach the other side a window apart. A call that
takes long gives its place back two windows after its start. Does not limit what runs side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext


class Pace:
    """A rate limit; `per_second` None means none. Belongs to one event loop."""

    def __init__(self, per_second: float | None) -> None:
        n_places = max(1, int(per_second)) if per_second else 0
        self._window_seconds = n_places / per_second if per_second else 0.0
        self._places = asyncio.Semaphore(n_places) if n_places else None

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Waits until one more call may start; the call runs inside."""
        return nullcontext() if self._places is None else self._take_place(self._places)

    @asynccontextmanager
    async def _take_place(self, places: asyncio.Semaphore) -> AsyncIterator[None]:
        await places.acquire()
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            yield
        finally:
            window = self._window_seconds
            loop.call_at(min(loop.time(), started + window) + window, places.release)
