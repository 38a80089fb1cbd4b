"""Finds sealed drops in a source's inbox and takes them, one atomic rename each.

Relies on `batch.drop_sealing` for what is sealed and on `batch.work_folder` for the place a drop is taken to.
Opens no file of a drop and judges nothing in it: that is the intake's. Design 8.1.

A take makes `arbejde/<batch id>/drop` first, moves the markers there, then the drop, so that a stale marker
never seals a later half-written drop. `resume` heals what a crash left, at whatever moment it came.
"""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from batch.drop_sealing import (
    Look,
    is_marker,
    kind_of,
    look_at,
    markers_by_drop,
    quiet_look,
    sort_inbox,
)
from batch.failpoints import failpoint
from batch.work_folder import ARCHIVE, WORK, WorkFolder, is_batch_id, rename_durably
from schemas.errors import ConfigurationError
from schemas.settings import SourceSettings

INBOX = "ind"
QUARANTINE = "karantaene"
ANSWERS = "kvittering"
FOLDERS = (INBOX, WORK, ARCHIVE, QUARANTINE, ANSWERS)


@dataclass(frozen=True, slots=True)
class Drop:
    """A sealed drop in the inbox; `look` is what a quiet one looked like when it was judged."""

    source: str
    folder: Path = field(repr=False)
    name: str = field(repr=False)
    origin: str
    markers: tuple[str, ...] = field(default=(), repr=False)
    look: Look | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TakenDrop:
    """A drop that is ours, in its work folder; its fingerprint comes out of the intake."""

    source: str
    batch_id: str
    name: str = field(repr=False)
    origin: str
    work: WorkFolder

    @property
    def path(self) -> Path:
        return self.work.drop / self.name


def make_batch_id(at: datetime, random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """Returns a fresh batch id: the time in UTC to the second and 30 random bits."""
    return f"{at:%Y%m%d-%H%M%S}-{base64.b32encode(random_bytes(5)).decode().lower()[:6]}"


def prepare_folders(source_folder: Path) -> None:
    """Makes a source's folders, open to us alone; leaves those that are there as they are."""
    for name in FOLDERS:
        (source_folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)


def find_sealed(source: str, settings: SourceSettings, *, now: Callable[[], datetime]) -> list[Drop]:
    """Returns the drops that may be taken now, by name.

    Raises ConfigurationError `drop.no_inbox` when the inbox can't be read (a share that is not mounted).
    """
    inbox = sort_inbox(settings.folder / INBOX)
    sealed = markers_by_drop(inbox.markers, inbox.drops)
    found = []
    for name, kind in sorted(inbox.drops.items()):
        look = None
        if name not in sealed:
            if settings.seal != "quiet":
                continue
            look = quiet_look(settings.folder / INBOX / name, settings.quiet_seconds, now())
            if look is None:
                continue
        found.append(Drop(source, settings.folder, name, kind, tuple(sealed.get(name, ())), look))
    return found


def take(drop: Drop, batch_id: str) -> TakenDrop | None:
    """Moves a sealed drop into `arbejde/<batch id>/drop` and returns it, locked for this process.

    None when it can't be ours now: somebody moved it away, or a quiet one changed in the last moment and was
    put back. Raises ConfigurationError as `rename_durably`; FileExistsError when the batch id is in use.
    """
    inbox, work = drop.folder / INBOX, WorkFolder.create(drop.folder, batch_id)
    try:
        for marker in drop.markers:
            _move_if_there(inbox / marker, work.path / marker)
        failpoint("drop.marker_moved")
        moved = _move_if_there(inbox / drop.name, work.drop / drop.name)
    except ConfigurationError:
        _put_back(work, inbox)
        work.remove()
        raise
    if not moved:
        _put_back(work, inbox)
        work.remove()
        return None
    failpoint("drop.taken")
    taken = _as_taken(drop.source, work, drop.name)
    if drop.look is not None and look_at(taken.path).mark != drop.look.mark and _put_back(work, inbox):
        work.remove()
        return None
    return taken


def resume(source: str, settings: SourceSettings, known: Callable[[str], bool]) -> list[TakenDrop]:
    """Heals what a crash left in `arbejde/` and returns the drops whose intake starts again.

    `known` tells whether the ledger holds a batch: its folder is then only cleaned up. A take that was cut
    off is completed; a folder without a drop (a batch straight from a CSV) is removed. A folder in which
    another process works is left alone.
    """
    found = []
    workplace = settings.folder / WORK
    for path in sorted(workplace.iterdir()) if workplace.is_dir() else ():
        work = WorkFolder.reopen(path) if is_batch_id(path.name) and path.is_dir() else None
        if work is None:
            continue
        if known(work.batch_id):
            work.remove()
            continue
        work.clear()
        name = _complete_take(work, settings.folder / INBOX)
        if name is None:
            work.remove()
        else:
            found.append(_as_taken(source, work, name))
    return found


def _complete_take(work: WorkFolder, inbox: Path) -> str | None:
    """Returns the name of the drop in a work folder, moved there now if only its markers were; None without
    one."""
    work.drop.mkdir(mode=0o700, exist_ok=True)
    for name in os.listdir(work.drop):
        return name
    markers = [name for name in os.listdir(work.path) if is_marker(name, os.lstat(work.path / name).st_mode)]
    if markers:
        for name in markers_by_drop(markers, sort_inbox(inbox).drops):
            if _move_if_there(inbox / name, work.drop / name):
                return name
        _put_back(work, inbox)
    return None


def _put_back(work: WorkFolder, inbox: Path) -> bool:
    """Undoes a take: first the drop, then its markers; False when the drop's name is in use again."""
    names = os.listdir(work.drop)
    if any(os.path.lexists(inbox / name) for name in names):
        return False
    for name in names:
        rename_durably(work.drop / name, inbox / name)
    for name in os.listdir(work.path):
        if is_marker(name, os.lstat(work.path / name).st_mode) and not os.path.lexists(inbox / name):
            rename_durably(work.path / name, inbox / name)
    return True


def _move_if_there(old: Path, new: Path) -> bool:
    """Renames durably; False when there is nothing to rename."""
    try:
        rename_durably(old, new)
    except FileNotFoundError:
        return False
    return True


def _as_taken(source: str, work: WorkFolder, name: str) -> TakenDrop:
    mode = os.lstat(work.drop / name).st_mode
    origin = kind_of(name, mode) or ("zip" if stat.S_ISREG(mode) else "folder")
    return TakenDrop(source, work.batch_id, name, origin, work)
