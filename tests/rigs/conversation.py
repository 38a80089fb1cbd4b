"""Talks to `brevdue` on a pseudo-terminal as a person does: waits for words on the screen, then types.

Relies on the standard library's pty alone. The program has the terminal as its own, so that Ctrl-C and
unseen passwords work as they do for people.
"""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.rigs.houses import ROOT

PATIENCE_SECONDS = 60.0
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(slots=True)
class Conversation:
    """A program on a terminal; `seen` is all it has written."""

    pid: int
    terminal: int
    seen: str = ""
    _text: str = ""
    _decoder: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))
    _heard: int = 0
    _code: int | None = None

    def expect(self, words: str) -> str:
        """Waits until the words stand on the screen, after what was heard before; returns all up to them."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while words not in self.seen[self._heard :]:
            assert time.monotonic() < deadline, f"{words!r} never came:\n{self.seen[self._heard :]}"
            assert self._read(), f"it ended before {words!r}:\n{self.seen[self._heard :]}"
        end = self.seen.index(words, self._heard) + len(words)
        came, self._heard = self.seen[self._heard : end], end
        return came

    def type(self, text: str = "") -> None:
        """Types a line."""
        os.write(self.terminal, (text + "\n").encode())

    def answer(self, prompt: str, text: str = "") -> None:
        """Waits for a prompt and types a line."""
        self.expect(prompt)
        self.expect(": ")
        self.type(text)

    def interrupt(self) -> None:
        """Presses Ctrl-C."""
        self.press("\x03")

    def press(self, keys: str) -> None:
        """Presses keys without Enter."""
        os.write(self.terminal, keys.encode())

    def end(self) -> int:
        """Reads to the end and returns the exit code."""
        while self._read():
            pass
        if self._code is None:
            _, status = os.waitpid(self.pid, 0)
            self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def close(self) -> None:
        """Ends the program if it is still there."""
        if self._code is None:
            with_kill(self.pid)
            self.end()
        os.close(self.terminal)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.terminal], [], [], PATIENCE_SECONDS)
        assert ready, f"nothing more came:\n{self.seen[self._heard :]}"
        try:
            piece = os.read(self.terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            return False
        # A letter or a control sequence may come in two pieces.
        self._text += self._decoder.decode(piece)
        self.seen = _CONTROL.sub("", self._text).replace("\r", "")
        return bool(piece)


def with_kill(pid: int) -> None:
    """Ends one process of ours."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def conversation(settings: Path, *words: str) -> Iterator[Conversation]:
    """Starts a command on a terminal of its own for the block."""
    command = [sys.executable, "-m", "jobs.cli", "--settings", str(settings), *words]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a run in the background is started deaf to Ctrl-C
        os.execve(sys.executable, command, environment)
    talk = Conversation(pid, terminal)
    try:
        yield talk
    finally:
        talk.close()
