"""Holds the portal's keys: files of 32 random bytes, mode 0600, and what is derived from them.

Relies on `cryptography`. Two kinds, never in one hand at the recipient's end: the *portal key* (the
dispatching side and the web application) opens nothing without a link's secret; the *link key* (the
dispatching side alone) makes the links. No key is printed or pickled. Stores nothing sealed.

Why links are derived and not thrown: a notice must be the same, byte by byte, whenever it is sent again
before it was accepted (design 4.2), also by a worker on another machine, so the link must be known again;
kept anywhere it could be stolen. Derived from 256 random bits by HMAC it is to anybody without the link key
the same as 256 random bits. Who holds the link key holds the ledger's own keys as well, so it opens nothing
that was not open to them; the web application's machine never has it.
"""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.errors import ConfigurationError

KEY_BYTES = 32
NONCE_BYTES = 12
_CHECK_BYTES = 8


class Secret:
    """One key: derives others and seals small values; its repr shows only its id."""

    __slots__ = ("_keyed", "id")

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod=sha256)
        self.id = self.derive("key id").hex()[:12]

    def derive(self, purpose: str, *parts: bytes) -> bytes:
        """Returns 32 bytes for a purpose and parts: HMAC-SHA-256, each part with its length before it."""
        one = self._keyed.copy()
        one.update(bound(purpose.encode(), *parts))
        return one.digest()

    def seal(self, plain: bytes, purpose: str, *parts: bytes) -> bytes:
        """Returns a small value encrypted under a key of its own purpose and parts."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self.derive(purpose, *parts)).encrypt(nonce, plain, purpose.encode())

    def unseal(self, sealed: bytes, purpose: str, *parts: bytes) -> bytes:
        """Returns what was sealed for the same purpose and parts; ConfigurationError `portal.unreadable`."""
        try:
            cipher = AESGCM(self.derive(purpose, *parts))
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):
            raise ConfigurationError("portal.unreadable") from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are never pickled or copied")


class PortalKeys:
    """The portal's current key and its former ones, by id."""

    __slots__ = ("_by_id", "current")

    def __init__(self, current: Secret, former: Sequence[Secret] = ()) -> None:
        self.current = current
        self._by_id = {one.id: one for one in (*former, current)}

    def by_id(self, key_id: str) -> Secret:
        """Returns the key that something was wrapped under; ConfigurationError `portal.key_unknown`."""
        try:
            return self._by_id[key_id]
        except KeyError:
            raise ConfigurationError("portal.key_unknown") from None


def bound(*parts: bytes) -> bytes:
    """Returns parts as one value: each with its length before it, so that no two lists look alike."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def read_keys(current: Path, former: Sequence[Path] = ()) -> PortalKeys:
    """Returns the portal's keys; errors as `read_key`."""
    return PortalKeys(read_key(current), [read_key(path) for path in former])


def read_key(path: Path) -> Secret:
    """Returns the key of a file.

    Raises ConfigurationError `portal.key_missing`, `portal.key_open_to_others` or `portal.key_damaged`.
    """
    try:
        # A pipe under a key's name must not make us wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        raise ConfigurationError("portal.key_missing", file=path.name) from None
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if mode & 0o077:
            raise ConfigurationError("portal.key_open_to_others", file=path.name)
        content = file.read(KEY_BYTES + _CHECK_BYTES + 1) if stat.S_ISREG(mode) else b""
    key, check = content[:KEY_BYTES], content[KEY_BYTES:]
    if len(key) != KEY_BYTES or not hmac.compare_digest(check, _check_value(key)):
        raise ConfigurationError("portal.key_damaged", file=path.name)
    return Secret(key)


def make_key(path: Path) -> bool:
    """Makes a key file unless there is one; returns whether it did. ConfigurationError where it can't be."""
    key = os.urandom(KEY_BYTES)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError:
        raise ConfigurationError("portal.key_not_writable", file=path.name) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + _check_value(key))
        file.flush()
        os.fsync(descriptor)
    return True


def _check_value(key: bytes) -> bytes:
    return sha256(b"brevdue portal key file\x00" + key).digest()[:_CHECK_BYTES]
