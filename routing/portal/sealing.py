"""Seals a parcel: its documents in chunks and its envelope, under a data key that takes two secrets to open.

Relies on `keys` and on AES-256-GCM. The data key is wrapped under a key derived from the portal's key *and*
the link's secret: neither alone opens anything, and without the wrapped key the rest is noise. Chunks follow
the STREAM construction: the nonce counts and marks the last one, so none can be cut off, dropped or moved.
Stores nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from routing.portal.keys import KEY_BYTES, NONCE_BYTES, Secret, bound
from schemas.errors import ConfigurationError

CHUNK_BYTES = 256 * 1024
_SHAPE = 1


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as the recipient sees it; its bytes are read chunk by chunk."""

    ordinal: int
    name: str = field(repr=False)
    media_type: str
    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a parcel is for, as far as an identity method needs to know it.

    `number` are the digits of a CPR (`kind` "cpr") or CVR number. `secret_hash` is an Argon2id hash.
    """

    kind: str
    number: str = field(repr=False)
    email: str = field(repr=False)
    mobile: str = field(default="", repr=False)
    secret_hash: str = field(default="", repr=False)
    hints: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a parcel says once it is open: title, sender's reference, papers and person."""

    title: str = field(repr=False)
    reference: str = field(repr=False)
    papers: tuple[Paper, ...]
    person: Person


class DataKey:
    """A parcel's own key, in memory only."""

    __slots__ = ("_key", "_parcel")

    def __init__(self, key: bytes, parcel_id: str) -> None:
        self._key = key
        self._parcel = parcel_id.encode()

    def wrap(self, portal: Secret, secret: bytes) -> bytes:
        """Returns the key encrypted under the portal's key and a link's secret."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + _both(portal, secret, self._parcel).encrypt(nonce, self._key, self._parcel)

    def seal_envelope(self, envelope: Envelope, terms: bytes) -> bytes:
        """Returns the envelope sealed; it opens with the same `terms` alone (`Parcel.terms`)."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher("envelope").encrypt(nonce, _pack(envelope), bound(self._parcel, terms))

    def open_envelope(self, sealed: bytes, terms: bytes) -> Envelope:
        """Returns what was sealed; raises ConfigurationError `portal.unreadable`."""
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            plain = self._cipher("envelope").decrypt(nonce, rest, bound(self._parcel, terms))
        except (InvalidTag, ValueError):
            raise ConfigurationError("portal.unreadable") from None
        return _unpack(plain)

    def seal_paper(self, ordinal: int, data: bytes) -> Iterator[bytes]:
        """Yields a document's chunks; there is always one, be it empty."""
        return seal_chunks(self._cipher("paper", ordinal), _pieces(data), self._parcel)

    def open_paper(self, ordinal: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yields a document's plain pieces; ConfigurationError `portal.unreadable` where any is not right."""
        return open_chunks(self._cipher("paper", ordinal), chunks, self._parcel)

    def _cipher(self, purpose: str, ordinal: int = 0) -> AESGCM:
        return AESGCM(_hkdf(self._key, b"", bound(purpose.encode(), str(ordinal).encode())))

    def __repr__(self) -> str:
        return "DataKey()"


def new_data_key(parcel_id: str) -> DataKey:
    """Returns a fresh key for a parcel."""
    return DataKey(os.urandom(KEY_BYTES), parcel_id)


def unwrap(portal: Secret, secret: bytes, parcel_id: str, wrapped: bytes) -> DataKey:
    """Returns the data key; ConfigurationError `portal.unreadable` unless both secrets are the right ones."""
    try:
        cipher = _both(portal, secret, parcel_id.encode())
        key = cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], parcel_id.encode())
    except (InvalidTag, ValueError):
        raise ConfigurationError("portal.unreadable") from None
    return DataKey(key, parcel_id)


def seal_chunks(cipher: AESGCM, pieces: Iterable[bytes], associated: bytes) -> Iterator[bytes]:
    """Yields pieces sealed under a key of their own, the last one marked."""
    held: bytes | None = None
    number = 0
    for piece in pieces:
        if held is not None:
            yield cipher.encrypt(_nonce(number, last=False), held, associated)
            number += 1
        held = piece
    yield cipher.encrypt(_nonce(number, last=True), held or b"", associated)


def open_chunks(cipher: AESGCM, chunks: Iterable[bytes], associated: bytes) -> Iterator[bytes]:
    """Yields the plain pieces; raises ConfigurationError `portal.unreadable` for a wrong or missing one."""
    held: bytes | None = None
    number = 0
    for chunk in chunks:
        if held is not None:
            yield _opened(cipher, number, held, associated, last=False)
            number += 1
        held = chunk
    if held is None:
        raise ConfigurationError("portal.unreadable")
    yield _opened(cipher, number, held, associated, last=True)


def _opened(cipher: AESGCM, number: int, chunk: bytes, associated: bytes, *, last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(number, last=last), chunk, associated)
    except (InvalidTag, ValueError):
        raise ConfigurationError("portal.unreadable") from None


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _pieces(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for at in range(0, len(data), CHUNK_BYTES):
        yield view[at : at + CHUNK_BYTES].tobytes()


def _both(portal: Secret, secret: bytes, parcel: bytes) -> AESGCM:
    """HKDF with the portal's key as salt and the link's secret as key: random unless both are known."""
    return AESGCM(_hkdf(secret, portal.derive("wrap", parcel), b"brevdue portal wrap 1"))


def _hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=salt, info=info).derive(key)


def _pack(envelope: Envelope) -> bytes:
    person = envelope.person
    values: Sequence[object] = (
        _SHAPE,
        envelope.title,
        envelope.reference,
        [[p.ordinal, p.name, p.media_type, p.n_bytes, p.sha256] for p in envelope.papers],
        [person.kind, person.number, person.email, person.mobile, person.secret_hash, dict(person.hints)],
    )
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def _unpack(plain: bytes) -> Envelope:
    shape, *values = json.loads(plain)
    if shape != _SHAPE or len(values) != 4:
        raise ConfigurationError("portal.unreadable")
    title, reference, papers, person = values
    made: list[Any] = [Paper(*one) for one in papers]
    return Envelope(title, reference, tuple(made), Person(*person))
