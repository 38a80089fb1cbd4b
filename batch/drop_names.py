"""Says what a file in a drop may be called, and keeps a drop's files by name.

Relies on `unicodedata`: names compare equal in whichever form of Unicode they are written. Opens nothing. No
fault that it raises tells the name itself. Source of the rules: issue "Drop folder", facts/uddata.md 6.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Literal

from batch.media_types import ALIASES, MEDIA_TYPES
from schemas.errors import BadInput

INDEX = "index.csv"
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".cab", ".jar", ".iso")
_NOISE = frozenset({"thumbs.db", "desktop.ini"})
_SHOWN = 3
_KNOWN_ENDINGS = frozenset({*MEDIA_TYPES, *ALIASES, "csv", "zip", "doc", "xls", "eml", "msg", "klar", "ok"})


def fold(name: str, form: Literal["NFC", "NFD"] = "NFC") -> str:
    """Returns a name in one form of Unicode, so that æøå typed on a Mac and on a PC are the same."""
    return name if name.isascii() else unicodedata.normalize(form, name)


def is_plain(name: str) -> bool:
    """True for a name that can only mean a file in the folder itself and that people can read."""
    if name in ("", ".", "..") or len(name) > 255:
        return False
    if "/" in name or "\\" in name or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
        return False
    return name.isprintable() or not any(is_control(sign) for sign in name)


def is_control(sign: str) -> bool:
    """True for what may not stand in a name or a title: control characters, line and paragraph ends, halves
    of characters, and the marks that turn the reading direction round."""
    return unicodedata.category(sign) in ("Cc", "Zl", "Zp", "Cs") or sign in "\u202a\u202b\u202c\u202d\u202e"


def check_name(name: str) -> None:
    """Raises BadInput `drop.bad_name` for a name that is not plain."""
    if not is_plain(name):
        raise BadInput("drop.bad_name")


def is_nested_archive(name: str) -> bool:
    """True for a file that by its name is an archive of files."""
    return name.lower().endswith(_ARCHIVES)


def is_noise(name: str) -> bool:
    """True for what operating systems leave behind and nobody misses."""
    return name.startswith(".") or name.lower() in _NOISE


def extension_of(name: str) -> str:
    """Returns a name's extension in the settings' form: lower case, aliases resolved; empty without one."""
    stem, dot, last = name.rpartition(".")
    extension = last.lower() if dot and stem else ""
    return ALIASES.get(extension, extension)


def mask_name(name: str) -> str:
    """Returns a name that tells the sender which file is meant and nobody else whom it is about.

    An ending that no known kind of file has is left out: it may be the end of a person's name.
    """
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    shown = "".join("•" if sign.isdigit() else sign for sign in stem[:_SHOWN])
    return f"{shown}…{dot}{extension}" if extension.lower() in _KNOWN_ENDINGS else f"{shown}…"


class NamedFiles:
    """The files of a drop: folded name → real name and size. Small, as a drop may hold a million."""

    __slots__ = ("_real_names", "_sizes")

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._real_names: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, name: str, size: int) -> None:
        """Adds a file; raises BadInput `drop.name_clash` when two names fold to the same."""
        folded = fold(name)
        if folded in self._sizes:
            raise BadInput("drop.name_clash")
        self._sizes[folded] = size
        if folded != name:
            self._real_names[folded] = name

    def take_index(self) -> str:
        """Takes the index file out and returns its real name, in whichever case it is written.

        Raises BadInput `index.missing` or `index.several`.
        """
        found = [name for name in self._sizes if len(name) == len(INDEX) and name.lower() == INDEX]
        if len(found) != 1:
            raise BadInput("index.several" if found else "index.missing")
        del self._sizes[found[0]]
        return found[0]

    def names(self) -> Iterable[str]:
        return self._sizes.keys()

    def size(self, name: str) -> int | None:
        return self._sizes.get(name)

    def real_name(self, name: str) -> str:
        return self._real_names.get(name, name)
