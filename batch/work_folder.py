"""One batch's folder under `arbejde/`, from the moment a drop is taken until the ledger has it.

Relies on a file system with atomic renames and on `flock`: whoever works in the folder holds its lock, so
that another process never mistakes it for something a crash left behind. Knows nothing of what lies in the
drop.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from pathlib import Path

from schemas.errors import ConfigurationError

WORK = "arbejde"
ARCHIVE = "arkiv"

_BATCH_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[a-z2-7]{6}")
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def fsync_folder(path: Path) -> None:
    """Makes renames and new names in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, text: str) -> None:
    """Writes a small file so that it is either whole or not there."""
    draft = path.with_name(f".{path.name}.tmp")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(text.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    fsync_folder(path.parent)


def is_batch_id(name: str) -> bool:
    """True for a name in the form of a batch id."""
    return bool(_BATCH_ID.fullmatch(name))


class WorkFolder:
    """`<source>/arbejde/<batch id>`, locked for as long as this object lives.

    `drop` holds what was taken, `pack` and the spools are ours and made anew by every try.
    """

    __slots__ = ("_lock", "batch_id", "path")

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.batch_id = path.name
        self._lock = lock

    @classmethod
    def create(cls, source_folder: Path, batch_id: str) -> WorkFolder:
        """Makes the folder durably and locks it; raises FileExistsError when the id is in use."""
        path = source_folder / WORK / batch_id
        while True:
            path.mkdir(mode=0o700)
            work = cls._lock_it(path, wait=True)
            if work is not None:
                break
        work.drop.mkdir(mode=0o700)
        fsync_folder(path)
        fsync_folder(path.parent)
        return work

    @classmethod
    def reopen(cls, path: Path) -> WorkFolder | None:
        """Locks a folder that is there; None when another process works in it or it is gone."""
        return cls._lock_it(path, wait=False)

    @classmethod
    def _lock_it(cls, path: Path, *, wait: bool) -> WorkFolder | None:
        try:
            lock = os.open(path, _FLAGS)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if os.fstat(lock).st_nlink and os.path.samestat(os.fstat(lock), os.lstat(path)):
                return cls(path, lock)
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(lock)
        return None

    def __repr__(self) -> str:
        return f"WorkFolder({self.batch_id})"

    @property
    def source_folder(self) -> Path:
        return self.path.parent.parent

    @property
    def drop(self) -> Path:
        return self.path / "drop"

    @property
    def pack(self) -> Path:
        return self.path / "documents.pack"

    @property
    def archived_pack(self) -> Path:
        return self.source_folder / ARCHIVE / f"{self.batch_id}.pack"

    def spool(self, name: str) -> Path:
        """Returns the path of one of our own interim files."""
        return self.path / f"{name}.spool"

    def clear(self) -> None:
        """Removes what an earlier try of ours left: the pack and the spools, never the drop."""
        parts = self.path.glob("documents.pack*")
        for path in (*parts, *self.path.glob("*.spool"), self.archived_pack):
            path.unlink(missing_ok=True)

    def archive_pack(self) -> None:
        """Moves the finished pack into `arkiv/`, durably."""
        rename_durably(self.pack, self.archived_pack)

    def remove(self) -> None:
        """Removes the folder with everything in it, plain originals included, and lets the lock go."""
        shutil.rmtree(self.path)
        fsync_folder(self.path.parent)
        self.close()

    def close(self) -> None:
        """Lets the lock go; the folder stays as it is."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __del__(self) -> None:
        self.close()


def rename_durably(old: Path, new: Path) -> None:
    """Renames within one file system and makes both folders durable; never follows a link.

    Raises ConfigurationError `drop.other_file_system` or `drop.no_permission`, and any other OSError (gone,
    disk full) without the names.
    """
    try:
        os.rename(old, new)
    except OSError as fault:
        if fault.errno == errno.EXDEV:
            raise ConfigurationError("drop.other_file_system") from None
        if fault.errno in (errno.EACCES, errno.EPERM):
            raise ConfigurationError("drop.no_permission") from None
        # Without its paths: a drop's name may hold anything.
        raise OSError(fault.errno, fault.strerror) from None
    fsync_folder(new.parent)
    fsync_folder(old.parent)
