"""Keeps documents encrypted in pack files and gives their plain bytes back, in memory only.

Relies on `batch.vault`, which wraps the data key of each document. One pack belongs to one batch; the
associated data of each entry binds tenant, owner (a consignment or a batch) and name, so that an entry never
opens as another's. Does not know who needs a document and writes nothing readable to disk: destroying an
entry's wrapped key erases it. Source of the scheme: facts/trust.md, "CPR at rest".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from batch.vault import KEY_BYTES, NONCE_BYTES, TAG_BYTES, Vault, associate, sync_folder
from schemas.consignments import Consignment, ContentRef, Document
from schemas.errors import ConfigurationError, ServiceDown

BUFFER_BYTES = 1024 * 1024
OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES
_VERSION = "1"


class PackWriter:
    """Appends encrypted documents to one new pack file.

    The file takes its name in `finish`, whole and synced; until then it is `<name>.part`, and a new writer
    for the same path starts anew. Leaving a `with` block without `finish` removes the part. For one thread.
    """

    def __init__(self, vault: Vault, tenant: str, path: Path, pack_name: str) -> None:
        """`pack_name` is `<source>/<batch id>.pack`, as the ledger knows the file; ServiceDown
        `store.not_writable` when the file can't be made."""
        self._vault = vault
        self._tenant = tenant
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._pack_name = pack_name
        self._offset = 0
        self._open = True
        with _writing():
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(descriptor, "wb", buffering=BUFFER_BYTES)

    def add(self, owner_id: str, name: str, data: bytes) -> ContentRef:
        """Encrypts `data` under a fresh data key and returns where it lies.

        `owner_id` is the consignment's id, or the batch's for a file that nobody named. Raises ServiceDown
        `store.not_writable`; the writer is then of no use any more.
        """
        data_key, nonce = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES)
        sealed = AESGCM(data_key).encrypt(nonce, data, _bound(self._tenant, owner_id, name))
        with self._guarded():
            self._file.write(nonce)
            self._file.write(sealed)
        offset, length = self._offset, len(nonce) + len(sealed)
        self._offset += length
        wrapped = self._vault.wrap(data_key, self._tenant, owner_id, name)
        return ContentRef(self._pack_name, offset, length, self._vault.key_id, wrapped)

    def finish(self) -> None:
        """Makes the pack durable under its name; what `add` returned may be recorded only after this."""
        with self._guarded():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._close()
            self._part.replace(self._path)
            sync_folder(self._path.parent)

    def close(self) -> None:
        """Gives up an unfinished pack; does nothing after `finish`."""
        if self._open:
            self._close()
            self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _guarded(self) -> AbstractContextManager[None]:
        if not self._open:
            raise ValueError("the pack is closed")
        return _writing(self.close)

    def _close(self) -> None:
        self._open = False
        # After a failed write the buffer can't be written out either; the file is given up anyway.
        with suppress(OSError):
            self._file.close()


class DocumentStore:
    """Reads documents out of the packs; a `schemas.channels.DocumentReader`, safe for several threads.

    Each read opens the pack anew: that costs a few microseconds, and a removed pack is gone at once.
    """

    def __init__(self, vault: Vault, tenant: str, folders: Mapping[str, Path]) -> None:
        """`folders` are the archive folders by source name."""
        self._vault = vault
        self._tenant = tenant
        self._folders = {source: str(folder) for source, folder in folders.items()}

    def read(self, consignment: Consignment, document: Document) -> bytes:
        """Returns a document's plain bytes, checked against its SHA-256.

        Raises ConfigurationError `store.missing` (no such pack, or erased), `store.damaged` (anything about
        it differs from what was stored) or `keys.unknown` (its house key is not in the key folder).
        """
        data = self.read_kept(consignment.id, document.name, document.content)
        if sha256(data).hexdigest() != document.sha256:
            raise ConfigurationError("store.damaged")
        return data

    def read_kept(self, owner_id: str, name: str, ref: ContentRef) -> bytes:
        """Returns the plain bytes that were added for this owner under this name; errors as `read`."""
        if not ref.wrapped_key:
            raise ConfigurationError("store.missing")
        data_key = self._data_key(owner_id, name, ref)
        stored = _read_range(self._path(ref.pack), ref.offset, ref.length)
        try:
            bound = _bound(self._tenant, owner_id, name)
            # A view, since a slice would copy the document once more.
            return AESGCM(data_key).decrypt(stored[:NONCE_BYTES], memoryview(stored)[NONCE_BYTES:], bound)
        except InvalidTag:
            raise ConfigurationError("store.damaged") from None

    def remove_pack(self, pack: str) -> None:
        """Removes a pack file for good; one that is gone already is fine. OSError when it can't be done."""
        path = Path(self._path(pack))
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)

    def __repr__(self) -> str:
        return f"DocumentStore({', '.join(sorted(self._folders))})"

    def _data_key(self, owner_id: str, name: str, ref: ContentRef) -> bytes:
        try:
            return self._vault.unwrap(ref.wrapped_key, ref.key_id, self._tenant, owner_id, name)
        except ConfigurationError as error:
            if error.code == "keys.unreadable":
                raise ConfigurationError("store.damaged") from None
            raise

    def _path(self, pack: str) -> str:
        source, _, name = pack.partition("/")
        folder = self._folders.get(source)
        if folder is None or not name or "/" in name or name.startswith(".") or "\x00" in name:
            raise ConfigurationError("store.missing")
        return f"{folder}/{name}"  # joining as paths costs more than opening the file


@contextmanager
def _writing(give_up: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Turns an OSError on the way into ServiceDown `store.not_writable`, after calling `give_up`."""
    try:
        yield
    except OSError:
        give_up()
        raise ServiceDown("store.not_writable") from None


def _bound(tenant: str, owner_id: str, name: str) -> bytes:
    return associate("document", _VERSION, tenant, owner_id, name)


def _read_range(path: str, offset: int, length: int) -> bytes:
    """Returns exactly `length` bytes from `offset`."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        raise ConfigurationError("store.missing") from None
    try:
        size = os.fstat(descriptor).st_size
        if offset < 0 or length < OVERHEAD_BYTES or offset + length > size:
            raise ConfigurationError("store.damaged")
        return _read_fully(descriptor, offset, length)
    except OSError:
        raise ConfigurationError("store.damaged") from None
    finally:
        os.close(descriptor)


def _read_fully(descriptor: int, offset: int, length: int) -> bytes:
    data = os.pread(descriptor, length, offset)
    while len(data) < length:
        more = os.pread(descriptor, length - len(data), offset + len(data))
        if not more:
            raise ConfigurationError("store.damaged")
        data += more
    return data
