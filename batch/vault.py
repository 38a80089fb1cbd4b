"""Holds the keys of the house: seals small values, wraps data keys, derives keyed look-up values and seeds.

Relies on `cryptography` for AES-256-GCM and on a folder of mode 0700 with key files of mode 0600. Does not
store anything sealed and does not encrypt documents itself: see `batch.document_store`. No key leaves this
module: what it keeps of them are cipher and HMAC objects that can't be read back, printed or pickled.
Source of the scheme: facts/trust.md, "CPR at rest" and "Keys".

The folder holds `house-<key id>.key` (the greatest id is the current one, older ones stay readable),
`lookup.key` and `seed.key`. A key file is 32 random bytes and a check value over its role and the bytes, so
that a damaged file, or one under another's name, is found when the folder is opened. Under one house key at
most 2**32 values may be sealed (random 96-bit nonces).
"""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.errors import ConfigurationError

KEY_BYTES = 32
CHECK_BYTES = 8
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_ID_LENGTH = 12
FIRST_GENERATION = "0001"
LOOKUP = "lookup"
SEED = "seed"

_VERSION = b"\x01"
_HEAD = len(_VERSION) + KEY_ID_LENGTH


class Vault:
    """All keys of the house; its repr shows only key ids.

    Safe for several threads: nothing in it changes after it was opened.
    """

    __slots__ = ("_house", "_lookup", "_seed", "key_id")

    def __init__(self, house: Mapping[str, bytes], lookup: bytes, seed: bytes) -> None:
        """Takes the house keys by id and the two HMAC keys; `create` and `open` are the ways in."""
        self.key_id = max(house)
        self._house = {key_id: AESGCM(key) for key_id, key in house.items()}
        self._lookup = hmac.new(lookup, digestmod=sha256)
        self._seed = hmac.new(seed, digestmod=sha256)

    @staticmethod
    def create(folder: Path) -> Vault:
        """Makes the folder with fresh keys, in one rename, and opens it.

        Raises ConfigurationError `keys.exist` when the folder already holds anything (keys are never
        replaced) and `keys.not_writable` when it can't be made.
        """
        place = folder.resolve()
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            _write_folder(place)
        except OSError as error:
            taken = place.exists() and (not place.is_dir() or any(place.iterdir()))
            raise ConfigurationError("keys.exist" if taken else "keys.not_writable") from error
        return Vault.open(place)

    @staticmethod
    def open(folder: Path) -> Vault:
        """Reads the keys of a folder.

        Raises ConfigurationError `keys.missing` (the folder or one of the three kinds), `keys.open_to_others`
        (the folder or a file gives any right to the group or to others), `keys.damaged`, `keys.not_readable`.
        """
        if not folder.is_dir():
            raise ConfigurationError("keys.missing", file="house-*.key")
        _refuse_open_mode(folder.stat().st_mode, "")
        names = sorted(path.name for path in folder.glob("house-*.key"))
        if not names:
            raise ConfigurationError("keys.missing", file="house-*.key")
        house = {_role(name).removeprefix("house-"): _read_key(folder / name) for name in names}
        return Vault(house, _read_key(folder / f"{LOOKUP}.key"), _read_key(folder / f"{SEED}.key"))

    def seal(self, plain: bytes, *context: str) -> bytes:
        """Returns a small value encrypted under the current house key and bound to `context`.

        The same context must be given to `unseal`. Layout: version, key id, nonce, ciphertext with tag.
        """
        nonce = os.urandom(NONCE_BYTES)
        bound = _associated("seal", self.key_id, *context)
        head = _VERSION + self.key_id.encode()
        return head + nonce + self._house[self.key_id].encrypt(nonce, plain, bound)

    def unseal(self, sealed: bytes, *context: str) -> bytes:
        """Returns what was sealed; ConfigurationError `keys.unreadable` when anything about it differs, or
        `keys.unknown` when it was sealed under a house key that is not in the folder."""
        if len(sealed) < _HEAD + NONCE_BYTES + TAG_BYTES or sealed[:1] != _VERSION:
            raise ConfigurationError("keys.unreadable")
        key_id = sealed[1:_HEAD].decode("ascii", "replace")
        return self._decrypt(key_id, sealed[_HEAD:], _associated("seal", key_id, *context))

    def wrap(self, data_key: bytes, *context: str) -> bytes:
        """Returns a data key encrypted under the current house key `key_id` and bound to `context`."""
        nonce = os.urandom(NONCE_BYTES)
        bound = _associated("wrap", self.key_id, *context)
        return _VERSION + nonce + self._house[self.key_id].encrypt(nonce, data_key, bound)

    def unwrap(self, wrapped: bytes, key_id: str, *context: str) -> bytes:
        """Returns the data key that was wrapped under `key_id`; errors as `unseal`."""
        if len(wrapped) < 1 + NONCE_BYTES + TAG_BYTES or wrapped[:1] != _VERSION:
            raise ConfigurationError("keys.unreadable")
        return self._decrypt(key_id, wrapped[1:], _associated("wrap", key_id, *context))

    def recipient_key(self, tenant: str, digits: str) -> str:
        """Returns the keyed hash, 64 hex digits, by which a recipient is looked up without the number."""
        return _derive(self._lookup, "recipient", tenant, digits).hex()

    def address_key(self, tenant: str, address: str) -> str:
        """Returns the keyed hash, 64 hex digits, by which a mail address is counted, in any letter case."""
        return _derive(self._lookup, "address", tenant, address.strip().casefold()).hex()

    def content_key(self, tenant: str, digits: str, material: str, hashes: Sequence[str]) -> str:
        """Returns the keyed hash, 64 hex digits, by which the same documents to the same recipient are known.

        `hashes` are the documents' SHA-256 in their order, the main document first.
        """
        return _derive(self._lookup, "content", tenant, digits, material, *hashes).hex()

    def seed(self, tenant: str, source: str, fingerprint: str, line: int) -> str:
        """Returns the 32 hex digits from which every channel makes a consignment's message id.

        The same line of the same drop always gives the same seed; it tells nothing about the recipient.
        """
        return _derive(self._seed, "seed", tenant, source, fingerprint, str(line)).hex()[:32]

    def _decrypt(self, key_id: str, sealed: bytes, associated: bytes) -> bytes:
        cipher = self._house.get(key_id)
        if cipher is None:
            raise ConfigurationError("keys.unknown")
        try:
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
        except InvalidTag:
            raise ConfigurationError("keys.unreadable") from None

    def __repr__(self) -> str:
        return f"Vault({', '.join(sorted(self._house))})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are never pickled or copied")


def associate(*parts: str) -> bytes:
    """Returns texts as associated data: each with its length before it, so that no two lists look alike."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join([len(part).to_bytes(4, "big") + part for part in encoded])


def _associated(purpose: str, key_id: str, *context: str) -> bytes:
    return _beginning(purpose, key_id) + associate(*context)


@lru_cache(maxsize=16)
def _beginning(purpose: str, key_id: str) -> bytes:
    """What is the same for every value under one key."""
    return _VERSION + associate(purpose, key_id)


def _derive(keyed: hmac.HMAC, *parts: str) -> bytes:
    one = keyed.copy()
    one.update(associate(*parts))
    return one.digest()


def _role(file_name: str) -> str:
    return file_name.removesuffix(".key")


def _check_value(role: str, key: bytes) -> bytes:
    return sha256(b"brevdue key file\x00" + role.encode() + b"\x00" + key).digest()[:CHECK_BYTES]


def _write_folder(place: Path) -> None:
    """Makes the keys in a folder beside `place` and renames it there: there are three keys or none."""
    making = place.parent / f".{place.name}-{os.urandom(6).hex()}.tmp"
    making.mkdir(mode=0o700)
    try:
        for role in (f"house-{FIRST_GENERATION}{os.urandom(4).hex()}", LOOKUP, SEED):
            _write_key(making / f"{role}.key")
        sync_folder(making)
        making.rename(place)  # fails unless `place` is absent or an empty folder
    except OSError:
        for left in making.iterdir():
            left.unlink()
        making.rmdir()
        raise
    sync_folder(place.parent)


def _write_key(path: Path) -> None:
    key = os.urandom(KEY_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + _check_value(_role(path.name), key))
        file.flush()
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_key(path: Path) -> bytes:
    try:
        # A pipe under a key's name must not make us wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ConfigurationError("keys.missing", file=_kind(path.name)) from None
    except OSError:
        raise ConfigurationError("keys.not_readable", file=_kind(path.name)) from None
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        _refuse_open_mode(mode, _kind(path.name))
        content = file.read(KEY_BYTES + CHECK_BYTES + 1) if stat.S_ISREG(mode) else b""
    key, check = content[:KEY_BYTES], content[KEY_BYTES:]
    if len(key) != KEY_BYTES or not hmac.compare_digest(check, _check_value(_role(path.name), key)):
        raise ConfigurationError("keys.damaged", file=_kind(path.name))
    return key


def _refuse_open_mode(mode: int, kind: str) -> None:
    if mode & 0o077:
        raise ConfigurationError("keys.open_to_others", file=kind or "/")


def _kind(file_name: str) -> str:
    """Returns a key file's kind for a message: its own name may have been chosen by anyone."""
    return "house-*.key" if file_name.startswith("house-") else file_name
