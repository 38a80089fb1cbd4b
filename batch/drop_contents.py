"""Gives the intake the files of a drop by name: a folder's, or those a CSV names in a folder of somebody
else's.

Relies on `batch.drop_names` for what a name may be. Every read opens the file anew without following links
and looks again at what it opened. Writes nothing, and knows nothing of the index's content; zips are read
by `batch.drop_zip`. Faults that make a whole drop unusable are BadInput of the families `drop` and `index`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from batch.drop_names import NamedFiles, check_name, fold, is_nested_archive
from batch.drop_sealing import look_at
from schemas.errors import BadInput
from schemas.settings import SourceSettings

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class DropContents(Protocol):
    """The files of one drop; names are in the composed form (NFC) of Unicode, without any folder."""

    origin: str

    def index(self) -> bytes:
        """Returns the index file's bytes."""

    def names(self) -> Iterable[str]:
        """Returns the names of all files but the index; a CSV's folder has none of its own."""

    def size(self, name: str) -> int | None:
        """Returns a file's size, or None when the drop holds no such file."""

    def read(self, name: str) -> bytes:
        """Returns a whole file."""

    def check_unchanged(self) -> None:
        """Raises BadInput `drop.changed` when something came, went or was written since the drop was
        opened."""

    def close(self) -> None: ...


def open_regular(path: Path) -> int:
    """Opens a regular file for reading; raises BadInput as `read_regular`."""
    try:
        descriptor = os.open(path, _FILE)
    except OSError as fault:
        raise _as_bad_input(fault) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput("drop.special_file")
    return descriptor


def read_regular(folder: int, name: str, max_bytes: int) -> bytes:
    """Returns a whole regular file of an open folder.

    Raises BadInput: `drop.symlink`, `drop.special_file`, `drop.unreadable_file`, `drop.file_too_large`,
    `drop.changed`. Follows no link and waits for no pipe.
    """
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except OSError as fault:
        raise _as_bad_input(fault) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BadInput("drop.special_file")
        if status.st_size > max_bytes:
            raise BadInput("drop.file_too_large", n_bytes=status.st_size, max_bytes=max_bytes)
        data = _read_all(descriptor, status.st_size)
        if os.fstat(descriptor).st_mtime_ns != status.st_mtime_ns:
            raise BadInput("drop.changed")
        return data
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, n_bytes: int) -> bytes:
    data = os.read(descriptor, n_bytes + 1)
    while len(data) < n_bytes:
        more = os.read(descriptor, n_bytes + 1 - len(data))
        if not more:
            break
        data += more
    if len(data) != n_bytes:
        raise BadInput("drop.changed")
    return data


def _as_bad_input(fault: OSError) -> Exception:
    if fault.errno == errno.ELOOP:
        return BadInput("drop.symlink")
    if fault.errno in (errno.EACCES, errno.EPERM):
        return BadInput("drop.unreadable_file")
    if fault.errno in (errno.ENOENT, errno.ENOTDIR):
        return BadInput("drop.changed")
    if fault.errno in (errno.ENXIO, errno.ENODEV):
        return BadInput("drop.special_file")
    # The disk or the share has a fault: no verdict about the drop, and no name in the message.
    return OSError(fault.errno, fault.strerror)


class FolderContents:
    """A drop that is a folder: flat, regular files only."""

    origin = "folder"

    def __init__(self, path: Path, limits: SourceSettings) -> None:
        """Lists the folder; raises BadInput for anything in it that is not a plainly named regular file."""
        self._path = path
        self._limits = limits
        try:
            self._folder = os.open(path, _FOLDER)
        except OSError as fault:
            raise _as_bad_input(fault) from None
        try:
            self._look = look_at(path)
            self._files = self._list()
            self._index = self._files.take_index()
        except BaseException:
            self.close()
            raise

    def _list(self) -> NamedFiles:
        files, n_bytes = NamedFiles(), 0
        with os.scandir(self._folder) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                _refuse_odd_kind(status.st_mode)
                check_name(entry.name)
                if is_nested_archive(entry.name):
                    raise BadInput("drop.nested_archive")
                n_bytes += status.st_size
                files.add(entry.name, status.st_size)
                self._refuse_excess(files, status.st_size, n_bytes)
        return files

    def _refuse_excess(self, files: NamedFiles, n_file_bytes: int, n_bytes: int) -> None:
        limits = self._limits
        if len(files) > limits.max_files:
            raise BadInput("drop.too_many_files", max_files=limits.max_files)
        if n_file_bytes > limits.max_file_bytes:
            raise BadInput("drop.file_too_large", n_bytes=n_file_bytes, max_bytes=limits.max_file_bytes)
        if n_bytes > limits.max_total_bytes:
            raise BadInput("drop.too_large", max_bytes=limits.max_total_bytes)

    def index(self) -> bytes:
        return read_regular(self._folder, self._index, self._limits.max_file_bytes)

    def names(self) -> Iterable[str]:
        return self._files.names()

    def size(self, name: str) -> int | None:
        return self._files.size(name)

    def read(self, name: str) -> bytes:
        data = read_regular(self._folder, self._files.real_name(name), self._limits.max_file_bytes)
        if len(data) != self._files.size(name):
            raise BadInput("drop.changed")
        return data

    def check_unchanged(self) -> None:
        if look_at(self._path).mark != self._look.mark:
            raise BadInput("drop.changed")

    def close(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1


def _refuse_odd_kind(mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise BadInput("drop.symlink")
    if stat.S_ISDIR(mode):
        raise BadInput("drop.subfolder")
    if not stat.S_ISREG(mode):
        raise BadInput("drop.special_file")


class CsvContents:
    """The files that a CSV outside any drop folder names, read where they lie.

    Only what is named is touched; nothing is moved. A link is no file of this folder.
    """

    origin = "csv"

    def __init__(self, csv: Path, documents: Path, limits: SourceSettings) -> None:
        """Opens the folder of documents; raises BadInput `drop.no_documents` or `index.missing`."""
        self._csv = csv
        self._limits = limits
        self._n_bytes = 0
        try:
            self._folder = os.open(documents, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            raise BadInput("drop.no_documents") from None
        if not csv.is_file():
            self.close()
            raise BadInput("index.missing")

    def index(self) -> bytes:
        folder = os.open(self._csv.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # The caller named this file itself, so a link is followed here.
            return read_regular(folder, os.path.realpath(self._csv), self._limits.max_file_bytes)
        finally:
            os.close(folder)

    def names(self) -> Iterable[str]:
        return ()

    def size(self, name: str) -> int | None:
        status = self._status(name)
        return None if status is None else status[1]

    def read(self, name: str) -> bytes:
        status = self._status(name)
        if status is None:
            raise BadInput("drop.changed")
        data = read_regular(self._folder, status[0], self._limits.max_file_bytes)
        self._n_bytes += len(data)
        if self._n_bytes > self._limits.max_total_bytes:
            raise BadInput("drop.too_large", max_bytes=self._limits.max_total_bytes)
        return data

    def check_unchanged(self) -> None:
        """Does nothing: the folder is somebody's own, where other files come and go."""

    def close(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def _status(self, name: str) -> tuple[str, int] | None:
        """Returns a file's real name and size, in whichever form of Unicode it lies there."""
        for spelled in dict.fromkeys((name, fold(name, "NFD"))):
            try:
                status = os.stat(spelled, dir_fd=self._folder, follow_symlinks=False)
            except (OSError, ValueError):
                continue
            if stat.S_ISREG(status.st_mode):
                return spelled, status.st_size
        return None
