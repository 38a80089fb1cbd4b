"""Runs `brevdue` as a person would, in sentences and on a terminal, and can interrupt it.

Relies on `tests.rigs.houses`, whose own `brevdue` speaks JSON.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.rigs.big_drops import BigDrop, write_big_drop
from tests.rigs.houses import ROOT, HouseOnDisk, Ran

PATIENCE_SECONDS = 60.0


def dropped(house: HouseOnDisk, n: int = 3, name: str = "loen") -> BigDrop:
    """Writes a sealed drop of small payslips."""
    return write_big_drop(house.inbox, name, n, n_bytes=4_000)


def start(
    house: HouseOnDisk, *words: str, err: int = subprocess.PIPE, out: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Starts a command as a person would, without --json."""
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "--settings", str(house.path), *words],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        text=True,
    )


def said(house: HouseOnDisk, *words: str) -> Ran:
    """Runs a command to its end."""
    process = start(house, *words)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Ran(process.returncode, out, err)


def wait_until(true: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Returns once a condition holds while the process runs."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def n_held(house: HouseOnDisk) -> int:
    """Returns how many messages the simulator holds."""
    with house.simulator.client() as client:
        return client.counts()["n_messages"]


@contextmanager
def terminal() -> Iterator[tuple[int, Callable[[], str]]]:
    """Gives a terminal's descriptor, and a function that closes it and returns what was written to it.

    It is read all the while: whoever draws more than it holds would wait for a reader.
    """
    ours, theirs = pty.openpty()
    seen = bytearray()

    def listen() -> None:
        with suppress(OSError):  # how Linux says that the other end is closed
            while piece := os.read(ours, 65536):
                seen.extend(piece)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    with ExitStack() as at_end:
        at_end.callback(os.close, ours)
        at_end.callback(listener.join)
        closing = at_end.enter_context(ExitStack())
        closing.callback(os.close, theirs)

        def read() -> str:
            closing.close()
            listener.join()
            return seen.decode()

        yield theirs, read
