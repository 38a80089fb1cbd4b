"""Has documents opened and judged in a small pool of child processes, and answers in order.

Relies on `batch.inspection_child`, `batch.inspection_frames` and, at the other end, `batch.pdf_child`. A
document that kills its child, or takes too long, gets a code of its own; the child is replaced and the others
go on. Never opens a document in this process, writes none to disk, and holds no more than a bounded window of
them. Whether a kind or a size is allowed is decided by intake.
"""

from __future__ import annotations

import select
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from batch.inspection_child import Child, ChildLost
from batch.inspection_frames import (
    EXIT_OUT_OF_MEMORY,
    EXIT_TIRED,
    Inspection,
    InspectionRequest,
)
from schemas.errors import ConfigurationError

__all__ = ["Inspection", "InspectionRequest", "Inspector"]

DEPTH = 4
"""Documents on their way to one child: enough that it never waits for us."""
WINDOW_BYTES = 32 * 1024 * 1024
"""No further document is pulled while this much is in hand."""
MAX_TRIES = 2
"""A document is blamed for its child's death when a fresh child has died of it too."""
START_SECONDS = 60.0
_TICK_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class _Slot:
    """A document between its pulling and its answer."""

    request: InspectionRequest = field(repr=False)
    found: Inspection | None = None
    n_tries: int = 0


class Inspector:
    """A pool of children, started when first needed. One `inspect` at a time; `close` when done."""

    def __init__(
        self, n_workers: int = 2, memory_bytes: int = 512 * 1024 * 1024, seconds: float = 20.0
    ) -> None:
        """Each child may hold `memory_bytes`; each document may take `seconds`, of processor and of wall."""
        self._n_workers = n_workers
        self._memory_bytes = memory_bytes
        self._seconds = seconds
        self._children: dict[Child, deque[_Slot]] = {}
        self._waiting: deque[_Slot] = deque()
        self._busy = False

    def inspect(
        self, requests: Iterable[InspectionRequest]
    ) -> Iterator[tuple[InspectionRequest, Inspection]]:
        """Yields every request with what was found, in the order they came; pulls them as there is room.

        A document never raises. ConfigurationError `document.inspector_failed` when a child can't be started
        at all: that says nothing about any document.
        """
        if self._busy:
            raise RuntimeError("an Inspector inspects one sequence at a time")
        self._busy = True
        try:
            yield from self._inspect(iter(requests))
        finally:
            self._give_up()
            self._busy = False

    def close(self) -> None:
        """Ends all children; a later `inspect` starts new ones."""
        for child in list(self._children):
            del self._children[child]
            child.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _inspect(self, source: Iterator[InspectionRequest]) -> Iterator[tuple[InspectionRequest, Inspection]]:
        window: deque[_Slot] = deque()
        more = True
        while more or window:
            pulled = None
            if more and self._has_room(window):
                pulled = next(source, None)
                more = pulled is not None
            if pulled is not None:
                window.append(_Slot(pulled))
                self._waiting.append(window[-1])
            self._assign()
            if window:
                self._step(wait=pulled is None and window[0].found is None)
            if window and window[0].found is not None:
                slot = window.popleft()
                yield slot.request, slot.found or Inspection("document.unreadable")

    def _has_room(self, window: deque[_Slot]) -> bool:
        n_bytes = sum(len(slot.request.data) for slot in window)
        return len(window) < self._n_workers * DEPTH and n_bytes < WINDOW_BYTES

    def _assign(self) -> None:
        """Gives waiting documents to the children with the least to do; a suspect gets a fresh one alone."""
        while self._waiting:
            suspect = self._waiting[0].n_tries > 0
            child = self._free_child(0 if suspect else DEPTH - 1)
            if child is None:
                return
            if suspect and child.n_sent:
                self._remove(child)
                child = self._start()
            slot = self._waiting.popleft()
            child.queue(slot.request)
            self._children[child].append(slot)

    def _free_child(self, most: int) -> Child | None:
        """Returns a child with at most so many documents in hand, a new one while there are too few."""
        idle = next((child for child, slots in self._children.items() if not slots), None)
        if idle is None and len(self._children) < self._n_workers:
            return self._start()
        child = idle or min(self._children, key=lambda one: len(self._children[one]))
        if any(slot.n_tries for slot in self._children[child]):
            return None  # a suspect is alone with its child
        return child if len(self._children[child]) <= most else None

    def _start(self) -> Child:
        try:
            child = Child(self._memory_bytes, self._seconds)
        except OSError as error:
            raise ConfigurationError("document.inspector_failed") from error
        self._children[child] = deque()
        return child

    def _remove(self, child: Child) -> deque[_Slot]:
        slots = self._children.pop(child)
        child.end()
        return slots

    def _step(self, wait: bool) -> None:
        """Moves bytes both ways; waits for the next movement, or for a while, when `wait`.

        Only time spent waiting here counts against a document: while the caller is busy, or this process is
        stopped, nobody could have seen its answer.
        """
        poll = select.poll()
        by_descriptor = {child.fileno(): child for child, slots in self._children.items() if slots}
        for descriptor, child in by_descriptor.items():
            poll.register(descriptor, select.POLLIN | (select.POLLOUT if child.n_unsent else 0))
        started = time.monotonic()
        events = poll.poll(_TICK_SECONDS * 1000 if wait else 0)
        passed = min(time.monotonic() - started, 2 * _TICK_SECONDS)
        for child in by_descriptor.values():
            child.waited_seconds += passed
        for descriptor, event in events:
            self._exchange(by_descriptor[descriptor], event)
        for child in by_descriptor.values():
            self._watch(child)

    def _exchange(self, child: Child, event: int) -> None:
        try:
            if event & ~select.POLLOUT:
                for answer in child.receive():
                    self._take(child, answer)
            if event & select.POLLOUT:
                child.send()
        except ChildLost:
            self._bury(child)

    def _take(self, child: Child, answer: Inspection) -> None:
        slots = self._children[child]
        if not slots:
            raise ChildLost
        slots.popleft().found = answer
        child.waited_seconds = 0.0

    def _bury(self, child: Child) -> None:
        """Decides what a child's death means for the document it was at, and gives the others back."""
        was_ready, code = child.ready, child.exit_code()
        slots = self._remove(child)
        if not was_ready:
            raise ConfigurationError("document.inspector_failed")
        if slots and code != EXIT_TIRED:
            slots[0].n_tries += 1
            if slots[0].n_tries >= MAX_TRIES or code == -signal.SIGXCPU:
                slots.popleft().found = Inspection(_death_code(code))
        self._waiting.extendleft(reversed(slots))

    def _watch(self, child: Child) -> None:
        """Ends a child that has been at one document for too long."""
        slots = self._children.get(child)
        if not slots or child.waited_seconds <= (self._seconds if child.ready else START_SECONDS):
            return
        self._remove(child)
        if not child.ready:
            raise ConfigurationError("document.inspector_failed")
        slots.popleft().found = Inspection("document.too_slow")
        self._waiting.extendleft(reversed(slots))

    def _give_up(self) -> None:
        """Forgets what was under way: a child that is still at it would answer the wrong question later."""
        self._waiting.clear()
        for child in [child for child, slots in self._children.items() if slots]:
            self._remove(child)


def _death_code(exit_code: int) -> str:
    if exit_code == EXIT_OUT_OF_MEMORY:
        return "document.too_big_to_open"
    return "document.too_slow" if exit_code == -signal.SIGXCPU else "document.unreadable"
