"""Seals a reply to the source's own public key, and opens it again with the private one.

Relies on X25519, HKDF and AES-256-GCM in the manner of HPKE's base mode (RFC 9180, DHKEM with an ephemeral
key): who seals keeps nothing that opens. The portal has public keys alone. Stores nothing.

A sealed reply is a line that names the form, the message's and the reply's id, the ephemeral public key, and
chunks as `sealing` makes them, each with its length before it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from routing.portal.keys import KEY_BYTES, bound
from routing.portal.sealing import CHUNK_BYTES, open_chunks, seal_chunks
from schemas.errors import BadInput, ConfigurationError

FORM = b"brevdue-svar-1\n"
SUFFIX = ".brevsvar"
_ID = re.compile(r"[0-9a-z]{1,64}")


@dataclass(frozen=True, slots=True)
class ReplyFile:
    """A file that came with a reply; its name was made fit, its type read from its content."""

    name: str = field(repr=False)
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a recipient wrote. `reference` is the sender's own key of the consignment."""

    id: str
    message_id: str
    reference: str = field(repr=False)
    text: str = field(repr=False)
    at: str
    method: str
    files: tuple[ReplyFile, ...] = ()


def is_reply_id(text: str) -> bool:
    """Says whether a text can be a reply's id: it becomes a part of paths, and comes from the web's side."""
    return _ID.fullmatch(text) is not None


def seal_reply(public_key: bytes, reply: Reply) -> bytes:
    """Returns a reply that only the holder of the private key can read."""
    ephemeral = X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public_key))
    head = bound(reply.message_id.encode(), reply.id.encode(), own)
    cipher = _cipher(shared, own, public_key)
    chunks = seal_chunks(cipher, _pieces(_plain(reply)), head)
    return FORM + head + b"".join(len(chunk).to_bytes(4, "big") + chunk for chunk in chunks)


def open_reply(private_key: X25519PrivateKey, sealed: bytes) -> Reply:
    """Returns a reply; BadInput `portal.reply_damaged` for anything else, or another's key."""
    try:
        if not sealed.startswith(FORM):
            raise BadInput("portal.reply_damaged")
        fields, at = [], len(FORM)
        for _ in range(3):
            length = int.from_bytes(sealed[at : at + 4], "big")
            fields.append(sealed[at + 4 : at + 4 + length])
            at += 4 + length
        head = sealed[len(FORM) : at]
        shared = private_key.exchange(X25519PublicKey.from_public_bytes(fields[2]))
        cipher = _cipher(shared, fields[2], private_key.public_key().public_bytes_raw())
        return _reply(b"".join(open_chunks(cipher, _chunks(sealed, at), head)), fields)
    except (ConfigurationError, ValueError, TypeError, RecursionError):
        raise BadInput("portal.reply_damaged") from None


def make_reply_keys(private: Path, public: Path) -> None:
    """Writes a fresh pair as PEM, the private half with mode 0600; never replaces a file."""
    key = X25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    known = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for path, content, mode in ((private, secret, 0o600), (public, known, 0o644)):
        try:
            with path.open("xb") as file:
                path.chmod(mode)
                file.write(content)
        except OSError:
            raise ConfigurationError("portal.key_not_writable", file=path.name) from None


def read_public_key(path: Path) -> bytes:
    """Returns a source's public key; ConfigurationError `portal.reply_key_unfit`."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        raise ConfigurationError("portal.reply_key_unfit", file=path.name) from None
    if not isinstance(key, X25519PublicKey):
        raise ConfigurationError("portal.reply_key_unfit", file=path.name)
    return key.public_bytes_raw()


def read_private_key(path: Path) -> X25519PrivateKey:
    """Returns a source's private key; ConfigurationError `portal.reply_key_unfit`."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        raise ConfigurationError("portal.reply_key_unfit", file=path.name) from None
    if not isinstance(key, X25519PrivateKey):
        raise ConfigurationError("portal.reply_key_unfit", file=path.name)
    return key


def _cipher(shared: bytes, ephemeral: bytes, recipient: bytes) -> AESGCM:
    info = bound(b"brevdue reply 1", ephemeral, recipient)
    return AESGCM(HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=info).derive(shared))


def _plain(reply: Reply) -> bytes:
    files = [[one.name, one.media_type, len(one.data)] for one in reply.files]
    said = json.dumps([reply.reference, reply.text, reply.at, reply.method, files], ensure_ascii=False)
    return bound(said.encode()) + b"".join(one.data for one in reply.files)


def _reply(plain: bytes, head: Sequence[bytes]) -> Reply:
    end = 4 + int.from_bytes(plain[:4], "big")
    reference, text, at, method, listed = json.loads(plain[4:end])
    files = []
    for name, media_type, n_bytes in listed:
        files.append(ReplyFile(name, media_type, plain[end : end + n_bytes]))
        end += n_bytes
    made = Reply(head[1].decode(), head[0].decode(), reference, text, at, method, tuple(files))
    if not is_reply_id(made.id):  # whoever has the public key can write any
        raise BadInput("portal.reply_damaged")
    return made


def _pieces(plain: bytes) -> Iterator[bytes]:
    view = memoryview(plain)
    for at in range(0, len(plain), CHUNK_BYTES):
        yield view[at : at + CHUNK_BYTES].tobytes()


def _chunks(sealed: bytes, at: int) -> Iterator[bytes]:
    while at < len(sealed):
        length = int.from_bytes(sealed[at : at + 4], "big")
        if length < 16 or at + 4 + length > len(sealed):
            raise BadInput("portal.reply_damaged")
        yield sealed[at + 4 : at + 4 + length]
        at += 4 + length
