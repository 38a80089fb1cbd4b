"""Hears how a long-running command should end: SIGTERM or Ctrl-C once in order, twice at once; SIGHUP.

Relies on the operating system's signals and a pipe, so that waiting ends the moment one comes. Ends no work
itself: whoever works asks `ending`.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

EXIT_INTERRUPTED = 130


class Ending:
    """Is called to learn whether the end was asked for: `ending()` is True from then on."""

    def __init__(self, at_once: Callable[[int], object] = os._exit) -> None:
        self._at_once = at_once
        self._asked = False
        self._hung_up = False
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def __call__(self) -> bool:
        return self._asked

    def ask(self) -> None:
        """Asks for the end; from any thread."""
        self._asked = True
        self._wake()

    def hung_up(self) -> bool:
        """True once per SIGHUP: the log should go on in a new file."""
        heard, self._hung_up = self._hung_up, False
        return heard

    def wait(self, seconds: float) -> None:
        """Returns after so many seconds, or as soon as a signal comes."""
        ready, _, _ = select.select([self._reader], [], [], seconds)
        with suppress(BlockingIOError):
            if ready:
                os.read(self._reader, 4096)

    @contextmanager
    def listening(self) -> Iterator[Ending]:
        """Hears the signals for the block; outside the main thread only `ask` is heard."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {number: signal.signal(number, self._hear) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def close(self) -> None:
        """Gives the pipe back; `ending()` keeps its answer."""
        os.close(self._reader)
        os.close(self._writer)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._hung_up = True
            self._wake()
        elif self._asked:
            # Nothing is lost: what is in flight becomes doubt, and the next start clears it.
            self._at_once(EXIT_INTERRUPTED)
        else:
            self.ask()

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # a full pipe wakes as well
            os.write(self._writer, b".")
