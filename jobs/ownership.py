"""Tells which worker is alive and keeps two of one kind from running on one house, by file locks.

A worker holds an exclusive lock on a file of its own for as long as it lives; the kernel drops it with the
process, whatever kills it. Relies on `fcntl.flock` on a local file system. Knows nothing of leases: for a
worker on another machine only the lease's end counts.
"""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import ConfigurationError

LOOK_SECONDS = 0.2


def _lock(path: Path) -> int | None:
    """Returns a descriptor that holds the file's lock, or None when another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


class Worker:
    """This process as the owner of leases; `name` stands in the ledger, the lock shows that it lives."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self.name = uuid.uuid4().hex
        self._owes = False
        # Locked before it bears its name: a file seen without its lock would be a dead worker's.
        fresh = folder / f"{self.name}.new"
        self._descriptor = _lock(fresh)
        fresh.rename(self._path)

    @property
    def _path(self) -> Path:
        return self._folder / f"{self.name}.lock"

    def dead(self) -> frozenset[str]:
        """Returns the workers of this folder whose process is gone.

        A worker without a file here lives elsewhere, or ended in order: its lease alone decides.
        """
        names = {path.stem for path in self._folder.glob("*.lock")} - {self.name}
        return frozenset(name for name in names if self._is_free(name))

    def _is_free(self, name: str) -> bool:
        descriptor = _lock(self._folder / f"{name}.lock")
        if descriptor is None:
            return False
        os.close(descriptor)
        return True

    def bury(self, dead: frozenset[str]) -> None:
        """Removes the files of dead workers; call it after their leases were taken over."""
        for name in dead:
            (self._folder / f"{name}.lock").unlink(missing_ok=True)

    def leave_leases(self) -> None:
        """Says that this worker may end with leases; whoever comes next takes them over at once."""
        self._owes = True

    def close(self) -> None:
        """Ends the ownership; without `leave_leases` it leaves no trace, and a lease left over just ends."""
        if self._descriptor is not None:
            if not self._owes:
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def only_one(path: Path, code: str, **params: object) -> Iterator[None]:
    """Holds the lock of `path` for the block; raises ConfigurationError(code) when another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = _lock(path)
    if descriptor is None:
        raise ConfigurationError(code, **params)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def in_turn(path: Path, stop: Callable[[], bool]) -> Iterator[bool]:
    """Holds the lock of `path` for the block once nobody else has it; yields False when `stop` came first."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    while (descriptor := _lock(path)) is None and not stop():
        time.sleep(LOOK_SECONDS)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)
