"""Remembers answers for a time, at most so many, and asks the same question once at a time.

Relies on asyncio alone; belongs to one event loop. Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

Clock = Callable[[], datetime]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Kept:
    """What was learned of the world, by what it is about: it may outlive whoever learned it, and his event
    loop."""

    answers: dict[Any, tuple[Any, datetime]] = field(default_factory=dict)
    policies: dict[Any, tuple[Any, datetime]] = field(default_factory=dict)
    verdicts: dict[Any, tuple[Any, datetime]] = field(default_factory=dict)


class Memory(Generic[K, V]):
    """Answers by key. Whoever asks returns one, and for how many seconds it is good: 0 keeps nothing.

    `kept` is where they are; with one of `Kept` they outlive this memory.
    """

    def __init__(self, now: Clock, max_entries: int, kept: dict[K, tuple[V, datetime]] | None = None) -> None:
        self._now = now
        self._max_entries = max_entries
        self._kept: dict[K, tuple[V, datetime]] = {} if kept is None else kept
        self._asked: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, ask: Callable[[], Awaitable[tuple[V, float]]]) -> V:
        """Returns the answer that is kept, or the one that is being asked for, or asks.

        Whoever stops waiting stops alone: the question goes on for the others, and for the next.
        """
        kept = self.peek(key)
        if kept is not None:
            return kept
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._ask(key, ask))
            task.add_done_callback(_look_at)
        return await asyncio.shield(task)

    def peek(self, key: K) -> V | None:
        """Returns the answer that is kept and still good, or None."""
        kept = self._kept.get(key)
        return kept[0] if kept is not None and self._now() < kept[1] else None

    def put(self, key: K, answer: V, seconds: float) -> None:
        """Keeps an answer in place of an older one; a question under way does not replace it."""
        self._asked.pop(key, None)
        self._keep(key, answer, seconds)

    def forget(self, key: K) -> None:
        """Drops what is kept of a key."""
        self._kept.pop(key, None)

    async def close(self) -> None:
        """Ends the questions under way."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._asked.clear()

    async def _ask(self, key: K, ask: Callable[[], Awaitable[tuple[V, float]]]) -> V:
        ours = asyncio.current_task()
        try:
            answer, seconds = await ask()
            if self._asked.get(key) is ours:
                self._keep(key, answer, seconds)
            return answer
        finally:
            if self._asked.get(key) is ours:
                del self._asked[key]

    def _keep(self, key: K, answer: V, seconds: float) -> None:
        self._kept.pop(key, None)
        if seconds <= 0:
            return
        while len(self._kept) >= self._max_entries:
            del self._kept[next(iter(self._kept))]  # the oldest
        self._kept[key] = (answer, self._now() + timedelta(seconds=seconds))


def _look_at(task: asyncio.Task[V]) -> None:
    """Takes the error of a question that nobody waits for any more, which asyncio would complain of."""
    if not task.cancelled():
        task.exception()
