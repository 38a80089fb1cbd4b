"""Finds what lies still in an inbox and is never taken as it is: loose files, and drops without a marker.

Relies on `batch.drop_sealing` for what lies there. Touches nothing, opens nothing and shows no name: a loose
file may be called by somebody's CPR number.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from batch.drop_folder import INBOX
from batch.drop_names import is_noise, mask_name
from batch.drop_sealing import look_at, markers_by_drop, sort_inbox
from schemas.settings import SourceSettings

SHOWN_NAMES = 5


@dataclass(frozen=True, slots=True)
class Stray:
    """One warning about an inbox: how many files or drops lie still there, and the first names, masked."""

    source: str
    code: str
    n_files: int
    shown: str

    @property
    def params(self) -> dict[str, object]:
        """What the texts of the code speak of."""
        return {"source": self.source, "n_files": self.n_files, "shown": self.shown}


def find_strays(source: str, settings: SourceSettings, now: datetime) -> list[Stray]:
    """Returns the warnings about a source's inbox.

    `drop.stray_file`: files that are neither a drop nor the marker of one; `drop.no_marker`: drops that
    nobody has sealed. Only what has lain still for `stray_seconds` counts. Raises ConfigurationError
    `drop.no_inbox`.
    """
    path = settings.folder / INBOX
    inbox = sort_inbox(path)
    markers = markers_by_drop(inbox.markers, inbox.drops)
    used = {name for names in markers.values() for name in names}
    loose = [*inbox.others, *(name for name in inbox.markers if name not in used)]
    found = {"drop.stray_file": [name for name in loose if not is_noise(name)]}
    if settings.seal == "marker":
        found["drop.no_marker"] = [name for name in inbox.drops if name not in markers]
    before = now.timestamp() - settings.stray_seconds
    strays = (_as_stray(source, code, path, names, before) for code, names in found.items())
    return [stray for stray in strays if stray.n_files]


def _as_stray(source: str, code: str, inbox: Path, names: Iterable[str], before: float) -> Stray:
    still = [name for name in sorted(names) if _lies_still(inbox / name, before)]
    return Stray(source, code, len(still), ", ".join(map(mask_name, still[:SHOWN_NAMES])))


def _lies_still(path: Path, before: float) -> bool:
    """True when nothing in it has changed since a moment; what vanishes under our eyes was taken care of.

    The file system's own times count, not those of the last write: a sender that preserves the latter may
    have laid an old file there just now.
    """
    try:
        # A folder that is being filled changes itself: then nothing in it needs to be looked at.
        return os.lstat(path).st_ctime <= before and look_at(path).changed <= before
    except OSError:
        return False
