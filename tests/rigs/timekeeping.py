"""Stands in for a house where only the order of things is looked at: verbs that note their turns, free slots.

Relies on nothing of the house but its log. Sends nothing and keeps no ledger.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.logs import Log, LogLines, make_log

PATIENCE_SECONDS = 60.0


class Notebook:
    """Verbs and a slot book that note what is asked of them; `wait_for` waits until the notes say enough."""

    def __init__(self, slots: set[tuple[str, str]] | None = None) -> None:
        self.calls: list[tuple[str, str | None]] = []
        self.slots = slots if slots is not None else set()
        self.n_at_once = 0
        self._running = 0
        self._changed = threading.Condition()
        self.during: Callable[[str], object] = lambda verb: None

    def verb(self, name: str) -> Callable[[str | None], object]:
        """Returns a verb that notes its turn and how many run beside it."""

        def run(source: str | None) -> object:
            with self._changed:
                self._running += 1
                self.n_at_once = max(self.n_at_once, self._running)
            try:
                self.during(name)
            finally:
                with self._changed:
                    self._running -= 1
                    self.calls.append((name, source))
                    self._changed.notify_all()
            return None

        return run

    def verbs(self, *names: str) -> dict[str, Callable[[str | None], object]]:
        return {name: self.verb(name) for name in names}

    def take_slot(self, job: str, slot: str) -> bool:
        """Grants every slot once, as the ledger does."""
        with self._changed:
            free = (job, slot) not in self.slots
            self.slots.add((job, slot))
            return free

    def n_calls(self, verb: str) -> int:
        return sum(1 for name, _ in self.calls if name == verb)

    def wait_for(self, verb: str, n_calls: int) -> None:
        """Returns once a verb has had so many turns."""
        with self._changed:
            done = self._changed.wait_for(lambda: self.n_calls(verb) >= n_calls, PATIENCE_SECONDS)
        assert done, f"{verb} had {self.n_calls(verb)} turns, not {n_calls}"


@contextmanager
def file_log(path: Path) -> Iterator[Log]:
    """Opens a log that writes to a file; nothing else in the process is led there."""
    lines = LogLines(path)
    yield make_log(lines, lambda: datetime.now(UTC))
    lines.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """Returns the lines of a log."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
