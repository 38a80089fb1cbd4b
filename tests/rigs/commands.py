"""Runs `brevdue` as a person would, in sentences and on a terminal, and can interrupt it.

Relies on `tests.rigs.houses`, whose own `brevdue` speaks JSON.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
    """Gives a terminal's descriptor, and a function that closes it and returns what was written to it."""
    ours, theirs = pty.openpty()

    def read() -> str:
        os.close(theirs)
        seen = b""
        try:
            while piece := os.read(ours, 65536):
                seen += piece
        except OSError:  # how Linux says that the other end is closed
            pass
        return seen.decode()

    try:
        yield theirs, read
    finally:
        os.close(ours)
