"""Puts new answers in the place of the old ones so that a crash leaves each file whole, old or new.

Relies on the file system alone: temporary names in the same folder, flush, rename, flush of the folder
(design 8.2). Knows nothing of what the files say.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from schemas.errors import ConfigurationError

LEFTOVER_SECONDS = 3600.0
"""A temporary file as old as this was left by a crash: no answer takes an hour to write."""

RECEIPT_FILE = "kvittering.csv"
ERROR_FILE = "fejlliste.csv"
PAGE_FILE = "rapport.html"
JSON_FILE = "rapport.json"
FILES = (RECEIPT_FILE, ERROR_FILE, PAGE_FILE, JSON_FILE)
"""In the order they are renamed: whoever waits for `rapport.json` finds the other three in place."""


def answer_folder(parent: Path, batch_id: str) -> Path:
    """Returns the folder of one batch's answers; raises ValueError for an id that is no plain folder name."""
    if not batch_id or Path(batch_id).name != batch_id or batch_id.startswith("."):
        raise ValueError("a batch id is a plain folder name")
    return parent / batch_id


def was_answered(parent: Path, batch_id: str) -> bool:
    """True when a batch's four answers were written once: the last of them is there.

    The folder alone says nothing: a crash or a full disk leaves it empty.
    """
    return (answer_folder(parent, batch_id) / JSON_FILE).exists()


@contextmanager
def replacing(folder: Path, names: Sequence[str], now: datetime) -> Iterator[Mapping[str, Path]]:
    """Gives a temporary path for each name; at the end the new files take their names, in order.

    When the work inside fails, nothing changes. Raises ConfigurationError `answer.not_written` when the
    folder is full, read-only or no folder of ours (a link that leads elsewhere).
    """
    staged: dict[str, Path] = {}
    try:
        _prepare(folder, now)
        staged.update({name: folder / f".{name}.{secrets.token_hex(8)}.tmp" for name in names})
        yield staged
        for path in staged.values():
            _flush(path)
        for name in names:
            os.replace(staged[name], folder / name)
        _flush(folder)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise ConfigurationError("answer.not_written", batch=folder.name, reason=reason) from None
    finally:
        _remove(staged.values())


def _prepare(folder: Path, now: datetime) -> None:
    """Makes the folder and clears away what an earlier crash left in it."""
    if folder.is_symlink():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not folder.is_dir():
        folder.mkdir(parents=True)
        _flush(folder.parent)
    old = [path for path in folder.glob(".*.tmp*") if _age(path, now) > LEFTOVER_SECONDS]
    _remove(old)


def _age(path: Path, now: datetime) -> float:
    try:
        return now.timestamp() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
