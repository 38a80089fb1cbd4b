"""Waits for what must come: a condition is looked at again and again, and only a hang meets the deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0


def wait_for(true: Callable[[], object], what: str = "what is waited for") -> None:
    """Returns once a condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.01)


async def come(true: Callable[[], object], what: str = "what is waited for") -> None:
    """Returns once a condition holds, and lets the loop go on meanwhile."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"{what} did not come"
        await asyncio.sleep(0.01)
