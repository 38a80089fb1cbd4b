"""What every command gets: the screen, the settings file and a way to open the house, and Ctrl-C in order.

Relies on `jobs.house` and `jobs.settings_file`, loaded when asked for. Knows no command.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from jobs.screen import EXIT_INTERRUPTED, Screen

if TYPE_CHECKING:
    from jobs.house import House
    from schemas.settings import Settings


class StopSignal:
    """True once Ctrl-C or SIGTERM came; a second one ends the process at once, by `at_once`.

    At once means without unwinding: what is in flight stays ours in the ledger, and since our lock is free
    the next run takes it over as doubt. An end in order would give the lock back and leave the lease.
    """

    def __init__(self, screen: Screen, at_once: Callable[[int], object] = os._exit) -> None:
        self._screen = screen
        self._at_once = at_once
        self._asked = False

    def __call__(self) -> bool:
        return self._asked

    def hear(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self._asked:
            self._screen.give_back_cursor()
            self._screen.call_out("interrupted_now")
            self._at_once(EXIT_INTERRUPTED)
        else:
            self._asked = True
            self._screen.call_out("interrupted")

    @contextmanager
    def listening(self) -> Iterator[StopSignal]:
        """Catches SIGINT and SIGTERM for the block."""
        before = {number: signal.signal(number, self.hear) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(slots=True)
class Context:
    """One call of the command line."""

    screen: Screen
    settings_path: Path
    language_given: bool = False

    def settings(self) -> Settings:
        """Reads the settings; their language counts unless `--sprog` or the environment says another."""
        from jobs.settings_file import read_settings

        settings = read_settings(self.settings_path, self.screen.language)
        if not self.language_given:
            self.screen.language = settings.house.language
        return settings

    @contextmanager
    def house(self) -> Iterator[House]:
        """Opens the house for the block."""
        from jobs.house import open_house

        with open_house(self.settings()) as house:
            yield house

    @contextmanager
    def stopping(self) -> Iterator[StopSignal]:
        """Lets Ctrl-C end the work in order for the block."""
        with StopSignal(self.screen).listening() as stop:
            yield stop
