"""Runs a command on a house in a process of its own that dies by SIGKILL at a named failpoint.

Relies on a fork server that has the product loaded: a kill then costs no start of Python.
"""

from __future__ import annotations

import io
import os
import signal
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing import get_context

from batch.failpoints import VARIABLE
from jobs.cli import run
from tests.rigs.houses import HouseOnDisk

_CONTEXT = get_context("forkserver")


def _run_until(settings: str, point: str, words: tuple[str, ...]) -> None:
    os.environ[VARIABLE] = point
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        run(["--json", "--settings", settings, *words])


def kill_at(house: HouseOnDisk, point: str, *words: str) -> None:
    """Runs a command until the failpoint `name` or `name:n` kills it; fails when it is never reached."""
    _CONTEXT.set_forkserver_preload(["tests.rigs.drops", "tests.rigs.killing"])
    process = _CONTEXT.Process(target=_run_until, args=(str(house.path), point, words))
    process.start()
    process.join(250)
    assert process.exitcode == -signal.SIGKILL, f"{point} was not reached"
    process.close()
