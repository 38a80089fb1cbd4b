"""Asks a person on a terminal: a line that explains, a prompt with its default, the answer checked at once.

Relies on the questions and on the screen. `q`, Ctrl-D or Ctrl-C leave; nothing that was answered is lost.
Passwords are read without being shown and are kept nowhere.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from dataclasses import dataclass, field
from typing import TextIO

from jobs.onboarding.questions import Question
from jobs.screen import Screen
from schemas.catalogue import explain
from schemas.errors import BadInput

QUIT = frozenset({"q", "quit"})
_YES = {"da": frozenset({"j", "ja", "y", "yes"}), "en": frozenset({"y", "yes", "j", "ja"})}
_NO = frozenset({"n", "nej", "no"})


class Left(Exception):
    """The person left the walk; it can be gone on with."""


@dataclass(slots=True)
class Dialogue:
    """A conversation on the screen's streams."""

    screen: Screen
    source: TextIO = field(default_factory=lambda: sys.stdin)

    def worded(self, word: str, /, **params: object) -> str:
        """Returns a text of the family `onboard`."""
        return explain(f"onboard.{word}", self.screen.language, params).what

    def ask(self, question: Question) -> object:
        """Returns the answer to a question, asked until it is a good one; raises Left."""
        self.screen.line("\n" + self.worded(f"why_{question.word}", **question.params))
        for number, choice in enumerate(question.choices, start=1):
            self.screen.line(f"  {number} {choice}")
        prompt = self.worded(f"ask_{question.word}", **question.params)
        while True:
            try:
                return question.answer(self._read(prompt, question.default))
            except BadInput as error:
                self.screen.line("  " + self.screen.why(error.code, error.params))

    def yes(self, word: str, /, *, default: bool, **params: object) -> bool:
        """Returns whether the person agrees; raises Left."""
        proposed = self.worded("yes" if default else "no")
        while True:
            typed = self._read(self.worded(word, **params), proposed).lower() or proposed
            if typed in _YES[self.screen.language]:
                return True
            if typed in _NO:
                return False

    def typed(self, word: str, expected: str) -> bool:
        """Returns whether the person typed exactly what was asked for; raises Left."""
        return self._read(self.worded(word, expected=expected), "") == expected

    def line(self, word: str, default: str) -> str:
        """Returns what was typed, unjudged; raises Left."""
        return self._read(self.worded(word), default)

    def secret(self, word: str) -> str:
        """Returns a password, typed unseen; raises Left."""
        import getpass

        try:
            return getpass.getpass(self.worded(word) + ": ")
        except EOFError:
            raise Left from None

    def _read(self, prompt: str, default: str) -> str:
        shown = f" [{default}]" if default else ""
        self.screen.out.write(f"{prompt}{shown}: ")
        self.screen.out.flush()
        if self.source.isatty():
            _await_line(self.source)
        line = self.source.readline()
        if not line or line.strip().lower() in QUIT:
            raise Left
        return line.strip()


def _await_line(terminal: TextIO) -> None:
    """Returns when a line was typed.

    A Ctrl-C in the moment before a read begins would only be heard after the next line: the pipe that Python
    writes every signal to ends the waiting whenever it comes.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    heard, says = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before = signal.set_wakeup_fd(says, warn_on_full_buffer=False)
    try:
        while terminal.fileno() not in select.select([terminal.fileno(), heard], [], [])[0]:
            os.read(heard, 4096)  # a signal whose handler raises nothing
    finally:
        signal.set_wakeup_fd(before)
        os.close(heard)
        os.close(says)
