"""Writes files that are for one user alone, whole or not at all.

Relies on the file system's rename. A file has mode 0600 and a folder 0700 from the first moment.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from schemas.errors import ConfigurationError


def make_private_folder(folder: Path) -> None:
    """Makes a folder with mode 0700, parents too; raises ConfigurationError `onboarding.not_writable`."""
    try:
        for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError("onboarding.not_writable", file=folder.name, why=error.strerror) from None


def write_private(path: Path, content: bytes) -> None:
    """Writes a file with mode 0600, replacing an older one at once.

    Raises ConfigurationError `onboarding.not_writable`; the older file then stands as it was.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise ConfigurationError("onboarding.not_writable", file=path.name, why=error.strerror) from None


def sync_folder(folder: Path) -> None:
    """Makes renames in a folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
