"""Tells when a drop is whole: a marker lies beside it, or nothing in it has changed for a while.

Relies on the inbox's directory entries and on the times the file system keeps. Moves nothing and opens no
file; `batch.drop_folder` takes what is sealed. Source of the rule: design 8.1.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from schemas.errors import ConfigurationError

MARKERS = (".klar", ".ok")
UNFINISHED = (".tmp", ".part", ".filepart")
ZIP = ".zip"


@dataclass(frozen=True, slots=True)
class Look:
    """What a drop looked like: its newest times, how much is in it, and a mark over names, sizes and times.

    `changed` is the newest change time of the file system's own clock, `written` the newest time of a
    write, which a program may set as it likes. Two looks of one process with the same mark saw the same.
    """

    changed: float
    written: float
    n_files: int
    mark: int


@dataclass(frozen=True, slots=True)
class Inbox:
    """What lies in an inbox, by name: what may be a drop (with its kind), the markers, and all the rest."""

    drops: Mapping[str, str] = field(repr=False)
    markers: Sequence[str] = field(repr=False)
    others: Sequence[str] = field(repr=False)


def sort_inbox(path: Path) -> Inbox:
    """Looks at an inbox once; what is not to be looked at is left out.

    Raises ConfigurationError `drop.no_inbox` when it can't be read (a share that is not mounted).
    """
    try:
        with os.scandir(path) as entries:
            modes = {entry.name: entry.stat(follow_symlinks=False).st_mode for entry in entries}
    except OSError:
        raise ConfigurationError("drop.no_inbox") from None
    seen = {name: mode for name, mode in sorted(modes.items()) if is_watched(name)}
    markers = [name for name, mode in seen.items() if is_marker(name, mode)]
    kinds = {name: kind_of(name, mode) for name, mode in seen.items() if not is_marker(name, mode)}
    drops = {name: kind for name, kind in kinds.items() if kind}
    return Inbox(drops, markers, [name for name, kind in kinds.items() if not kind])


def kind_of(name: str, mode: int) -> str:
    """Returns "folder", "zip" or "symlink" for what may be a drop, else an empty string."""
    if stat.S_ISLNK(mode):
        return "symlink"
    if stat.S_ISDIR(mode):
        return "folder"
    return "zip" if stat.S_ISREG(mode) and name.lower().endswith(ZIP) else ""


def is_watched(name: str) -> bool:
    """False for what is not looked at: dot-files and uploads under a temporary name."""
    return not name.startswith(".") and not name.lower().endswith(UNFINISHED)


def is_marker(name: str, mode: int) -> bool:
    """True for a regular file with a marker's ending."""
    return stat.S_ISREG(mode) and name.lower().endswith(MARKERS)


def markers_by_drop(names: Sequence[str], drops: Mapping[str, str]) -> dict[str, list[str]]:
    """Returns drop name → the markers beside it.

    `names` are the markers, `drops` the drops' names and kinds. `x.zip` is sealed by `x.zip.klar`, and by
    `x.klar` unless a folder `x` lies there too.
    """
    found: dict[str, list[str]] = {}
    stems = {name[: -len(ZIP)]: name for name, kind in drops.items() if kind != "folder"}
    for marker in names:
        stem = marker.rpartition(".")[0]
        drop = stem if stem in drops else stems.get(stem)
        if drop is not None:
            found.setdefault(drop, []).append(marker)
    return found


def look_at(path: Path) -> Look:
    """Returns what a file or a folder with everything in it looks like now; follows no link.

    The top's own change time is left out of the mark, as renaming changes it.
    """
    top = os.lstat(path)
    changed, written, n_files = top.st_ctime, top.st_mtime, 0
    mark = hash((top.st_ino, top.st_size, top.st_mtime_ns))
    folders = [(path, "")] if stat.S_ISDIR(top.st_mode) else []
    while folders:
        folder, inside = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                changed, written = max(changed, status.st_ctime), max(written, status.st_mtime)
                n_files += 1
                mark ^= hash((inside, entry.name, status.st_ino, status.st_size, status.st_mtime_ns))
                if stat.S_ISDIR(status.st_mode):
                    folders.append((folder / entry.name, f"{inside}{entry.name}/"))
    return Look(changed, written, n_files, mark)


def quiet_look(path: Path, quiet_seconds: float, now: datetime) -> Look | None:
    """Returns the look at a drop that nothing has changed in for `quiet_seconds`; else None.

    A folder that is still empty, that we may not read yet, or that vanishes under our eyes is not quiet. The
    change time counts, as copying with times preserved can't set it; the time of the last write counts too,
    for file systems that keep no change time, unless it lies in the future.
    """
    try:
        look = look_at(path)
        empty = look.n_files == 0 and path.is_dir()
    except (FileNotFoundError, PermissionError):
        return None
    moment = now.timestamp()
    latest = max(look.changed, look.written if look.written <= moment else look.changed)
    return None if empty or moment - latest < quiet_seconds else look
