"""Runs commands on a house and keeps every word that was said, logged or written ahead of the database.

Relies on `tests.rigs.houses` and `tests.rigs.services`. Its processes log all that Python and the libraries
can say; a script that runs before the product's `main` may put a bug into it.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from jobs.cli import run
from tests.rigs.houses import ROOT, HouseOnDisk
from tests.rigs.services import Service

LOUD = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
"""
MAIN = """
from jobs.cli import main
main(sys.argv[1:])
"""


@dataclass
class Overheard:
    """A house with a `brevdue.log`, all that its commands said, and what stood in its write-ahead log."""

    house: HouseOnDisk
    said: list[str] = field(default_factory=list, repr=False)
    write_ahead: list[bytes] = field(default_factory=list, repr=False)

    @property
    def root(self) -> Path:
        return self.house.path.parent

    @property
    def log(self) -> str:
        path = self.root / "brevdue.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def hear(self, *words: str, twice: bool = True) -> int:
        """Runs a command in this process as a person would, and before that as a machine would if `twice`.

        Returns the first exit code.
        """
        codes = []
        for options in (["--json"], []) if twice else ([],):
            out, err = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                codes.append(run([*options, "--settings", str(self.house.path), *words]))
            self.said += [out.getvalue(), err.getvalue()]
        self.look()
        return codes[0]

    def loud(self, script: str, *words: str, **env: str) -> int:
        """Runs a command to its end in a process of its own; returns its exit code."""
        process = self._start(script, *words, **env)
        self.said += process.communicate(timeout=60)
        self.look()
        return process.returncode

    def serve(self, script: str, enough: Callable[[list[str]], bool]) -> None:
        """Runs `brevdue run` until the events that it logged are enough."""
        n_before = self.log.count("\n")
        service = Service(self.house, self._start(script, "run"))
        try:
            service.wait_until(lambda: enough(service.events()[n_before:]))
            self.look()
        finally:
            service.tell(signal.SIGTERM)
            self.said += service.process.communicate(timeout=60)

    def _start(self, script: str, *words: str, **env: str) -> subprocess.Popen[str]:
        python = [sys.executable, "-X", "dev", "-c", LOUD + script + MAIN]
        return subprocess.Popen(
            [*python, "--settings", str(self.house.path), *words],
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def look(self) -> None:
        """Keeps what stands in the write-ahead log now: a checkpoint lets it be written over."""
        for path in self.house.settings.house.data.glob("brevdue.db-wal"):
            now = path.read_bytes()
            if self.write_ahead and now.startswith(self.write_ahead[-1]):
                self.write_ahead.pop()
            self.write_ahead.append(now)

    def change(self, before: str, after: str) -> None:
        """Changes the house's settings."""
        text = self.house.path.read_text(encoding="utf-8")
        assert before in text
        self.house.path.write_text(text.replace(before, after), encoding="utf-8")
