"""Gives the intake the files of a zipped drop, read out of the archive and never unpacked onto a disk.

Relies on the standard library's zipfile, which checks each file's size and checksum as it is read: what the
directory claims is therefore what at most comes out. Everything odd makes the whole drop unusable (BadInput
of the families `zip` and `drop`). Source of the rules: issue "Drop folder", facts/uddata.md 6.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from batch.drop_contents import open_regular
from batch.drop_names import (
    NamedFiles,
    check_name,
    extension_of,
    fold,
    is_nested_archive,
    is_noise,
)
from schemas.errors import BadInput
from schemas.settings import SourceSettings

_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    ValueError,
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1 | 0x40
_UTF8 = 0x800
_LOCAL_HEADER_BYTES = 30
_END_BYTES = 22
_LEAST_ENTRY_BYTES = 46
_MUCH = 1024 * 1024  # below this a high ratio is no danger: a short text of blanks has one too
_ARCHIVE_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x1f\x8b\x08")
_ZIPPED_DOCUMENTS = frozenset({"docx", "xlsx"})


class ZipContents:
    """A drop that is one zip file: flat, or with everything in one folder of its own."""

    origin = "zip"

    def __init__(self, path: Path, limits: SourceSettings) -> None:
        """Reads the archive's directory and refuses what may not be in it; raises BadInput."""
        self._limits = limits
        self._file: BinaryIO = os.fdopen(open_regular(path), "rb")
        self._status = os.fstat(self._file.fileno())
        try:
            self._refuse_huge_directory()
            self._zip = zipfile.ZipFile(self._file)
            self._entries: dict[str, zipfile.ZipInfo] = {}
            self._files = self._list()
            self._index = self._files.take_index()
        except _DAMAGED:
            self.close()
            raise BadInput("zip.damaged") from None
        except BaseException:
            self.close()
            raise

    def _refuse_huge_directory(self) -> None:
        """Looks at the end record before zipfile loads the whole directory into memory."""
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(0, end - _END_BYTES - 0xFFFF))
        tail = self._file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < _END_BYTES:
            raise BadInput("zip.damaged")
        n_entries, n_bytes = struct.unpack_from("<HL", tail, at + 10)
        if n_bytes == 0xFFFFFFFF or n_entries == 0xFFFF:
            n_entries, n_bytes = self._read_zip64_end(end - len(tail) + at, n_entries, n_bytes)
        if max(n_entries, n_bytes // 512) > self._limits.max_files:
            raise BadInput("drop.too_many_files", max_files=self._limits.max_files)
        self._file.seek(0)

    def _read_zip64_end(self, end_at: int, n_entries: int, n_bytes: int) -> tuple[int, int]:
        self._file.seek(max(0, end_at - 20 - 56))
        found = self._file.read(56)
        if found[:4] != b"PK\x06\x06":
            return n_entries, n_bytes
        entries, size = struct.unpack_from("<QQ", found, 32)
        return entries, size

    def _list(self) -> NamedFiles:
        infos = [info for info in self._zip.infolist() if not self._is_ignored(info)]
        self._refuse_excess(infos)
        _refuse_overlaps(self._zip.infolist(), self._zip.start_dir)
        names = {name: info for info in infos for name in [_spelled(info)]}
        if len(names) != len(infos):
            raise BadInput("drop.name_clash")
        top = _common_folder(names)
        files = NamedFiles()
        for name, info in names.items():
            bare = name.removeprefix(top)
            if "/" in bare:
                raise BadInput("drop.subfolder")
            check_name(bare)
            if is_nested_archive(bare):
                raise BadInput("drop.nested_archive")
            files.add(bare, info.file_size)
            self._entries[fold(bare)] = info
        return files

    def _is_ignored(self, info: zipfile.ZipInfo) -> bool:
        """Checks one entry's nature; True for folders and for what operating systems add."""
        _refuse_odd_entry(info)
        parts = info.filename.split("/")
        return info.is_dir() or parts[0] == "__MACOSX" or is_noise(parts[-1])

    def _refuse_excess(self, infos: list[zipfile.ZipInfo]) -> None:
        limits = self._limits
        n_bytes, n_packed = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
        largest = max((info.file_size for info in infos), default=0)
        if len(infos) > limits.max_files:
            raise BadInput("drop.too_many_files", max_files=limits.max_files)
        if _is_bomb(n_bytes, n_packed, limits) or any(
            _is_bomb(info.file_size, info.compress_size, limits) for info in infos
        ):
            raise BadInput("zip.bomb", max_ratio=f"{limits.max_zip_ratio:g}")
        if largest > limits.max_file_bytes:
            raise BadInput("drop.file_too_large", n_bytes=largest, max_bytes=limits.max_file_bytes)
        if n_bytes > limits.max_total_bytes:
            raise BadInput("drop.too_large", max_bytes=limits.max_total_bytes)

    def index(self) -> bytes:
        return self._read(self._entries[fold(self._index)])

    def names(self) -> Iterable[str]:
        return self._files.names()

    def size(self, name: str) -> int | None:
        return self._files.size(name)

    def read(self, name: str) -> bytes:
        data = self._read(self._entries[name])
        if data.startswith(_ARCHIVE_SIGNATURES) and extension_of(name) not in _ZIPPED_DOCUMENTS:
            raise BadInput("drop.nested_archive")
        return data

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        """Returns one entry's bytes; zipfile gives at most the claimed size and compares the checksum."""
        try:
            with self._zip.open(info) as stream:
                data = stream.read(info.file_size + 1)
        except _DAMAGED:
            raise BadInput("zip.damaged") from None
        if len(data) != info.file_size:
            raise BadInput("zip.damaged")
        return data

    def check_unchanged(self) -> None:
        now = os.fstat(self._file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._status.st_size, self._status.st_mtime_ns):
            raise BadInput("drop.changed")

    def close(self) -> None:
        self._file.close()


def _is_bomb(n_bytes: int, n_packed: int, limits: SourceSettings) -> bool:
    return n_bytes > _MUCH and n_bytes > limits.max_zip_ratio * max(1, n_packed)


def _refuse_odd_entry(info: zipfile.ZipInfo) -> None:
    """Refuses encryption, odd ways to pack, links, devices, and names that lead elsewhere."""
    if info.flag_bits & _ENCRYPTED:
        raise BadInput("zip.encrypted")
    if info.compress_type not in _METHODS:
        raise BadInput("zip.method")
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        raise BadInput("drop.symlink")
    if stat.S_IFMT(mode) and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise BadInput("drop.special_file")
    parts = info.orig_filename.removesuffix("/").split("/")
    if "\x00" in info.orig_filename or info.filename.startswith("/"):
        raise BadInput("drop.bad_name")
    for part in parts:
        check_name(part)


def _refuse_overlaps(infos: list[zipfile.ZipInfo], directory_at: int) -> None:
    """Refuses entries that share bytes: many names for one small bomb."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise BadInput("zip.overlap")
        end = info.header_offset + _LOCAL_HEADER_BYTES + len(info.orig_filename) + info.compress_size
    if end > directory_at:
        raise BadInput("zip.overlap")


def _spelled(info: zipfile.ZipInfo) -> str:
    """Returns an entry's name as it was meant.

    Without the flag for UTF-8 a name is in the code page of the packing machine: UTF-8 all the same from some
    programs, else code page 850, in which Danish Windows writes æøå (437 lacks ø).
    """
    if info.flag_bits & _UTF8 or info.filename.isascii():
        return fold(info.filename)
    raw = info.filename.encode("cp437")
    try:
        return fold(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return fold(raw.decode("cp850"))


def _common_folder(names: Iterable[str]) -> str:
    """Returns the one folder, with its slash, that everything lies in; empty when there is none."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in names}
    return f"{tops.pop()}/" if len(tops) == 1 and "" not in tops else ""
