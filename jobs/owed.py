"""Remembers which slot of the timetable was begun and not ended, so that a restart goes on with it.

One empty file per timetable line, in a folder of the house, named by line and slot. The ledger says that a
slot was taken; only this says that its verb did not come to its end. Relies on the local disk. A disk that
can't be written weakens the memory and stops nothing.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


class OwedSlots:
    """The slots that were begun. Names of lines and slots are words of the settings and times."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def has(self, job: str, slot: str) -> bool:
        """True when this slot was begun and not ended."""
        return self._path(job, slot).exists()

    def note(self, job: str, slot: str) -> None:
        """The slot is about to begin; what was owed of the line before is part of this run."""
        with suppress(OSError):
            fresh = self._path(job, slot)
            fresh.touch(mode=0o600)
            for path in self._folder.glob(f"{job}@*"):
                if path != fresh:
                    path.unlink(missing_ok=True)

    def paid(self, job: str, slot: str) -> None:
        """The slot's verb came to its end, or was never ours to run."""
        with suppress(OSError):
            self._path(job, slot).unlink(missing_ok=True)

    def _path(self, job: str, slot: str) -> Path:
        return self._folder / f"{job}@{slot}"
