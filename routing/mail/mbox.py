"""Empties a mailbox file into a maildir, a mail a file, so that nothing is read twice or lost.

Relies on the file system's locks, which mail servers heed (`flock` and `fcntl`). A mail's name is its own
digest: to stop half way and begin again makes no mail twice.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MAX_MAIL_BYTES = 64 * 1024 * 1024
"""Of a longer mail the rest is left out."""


def empty_into(mbox: Path, maildir: Path) -> int:
    """Moves every mail of a mailbox file into the maildir's `new`, and returns how many there were.

    The file itself stays, empty. Raises OSError when it can't be read or is locked by somebody.
    """
    with mbox.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        n_mails = 0
        for mail in split_mails(file):
            _keep(mail, maildir)
            n_mails += 1
        if n_mails:
            _sync(maildir / "new")
            file.truncate(0)
            os.fsync(file.fileno())
    return n_mails


def split_mails(file: BinaryIO) -> Iterator[bytes]:
    """Yields the mails of a mailbox file: each begins with a line `From `, after an empty one."""
    mail: bytearray | None = None
    after_empty = True
    for line in file:
        if after_empty and line.startswith(b"From "):
            if mail:
                yield bytes(mail)
            mail = bytearray()
        elif mail is not None and len(mail) < MAX_MAIL_BYTES:
            mail += line
        after_empty = not line.strip()
    if mail:
        yield bytes(mail)


def _keep(mail: bytes, maildir: Path) -> None:
    """Writes a mail under its digest, unless it is there already, under whatever flags."""
    name = hashlib.sha256(mail).hexdigest()
    if (maildir / "new" / name).exists() or any((maildir / "cur").glob(f"{name}:2,*")):
        return
    draft = maildir / "tmp" / name
    with draft.open("wb") as file:
        file.write(mail)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(maildir / "new" / name)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
