"""Encrypts to certificates: EnvelopedData with AES-256-CBC, or AuthEnvelopedData with AES-256-GCM.

Relies on cryptography, on `recipients` for the content key's way to each certificate, and on `self_check`,
which reads every output again before it is given out.

Each call draws a new content key and a new IV from the operating system, and a key is used for one message
only; so no GCM nonce can ever be used twice under one key, not even on a retry. The price is that a retry's
envelope differs from the first one's. What is inside (the signed message) is the same to the byte, and that
is where design 4.2 is kept: see docs/secure-mail.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from routing.cms import der, names
from routing.cms.keys import RecipientKey, Transport
from routing.cms.recipients import recipient_info
from routing.cms.self_check import check_envelope

CONTENT_KEY_BYTES = 32
BLOCK_BYTES = 16
NONCE_BYTES = 12


class ContentCipher(StrEnum):
    """How the content is encrypted; CBC is what every reader knows (facts/secure-mail 1.3)."""

    CBC = "aes256_cbc"
    GCM = "aes256_gcm"


def encrypt(
    plain: Sequence[bytes], recipients: Sequence[RecipientKey], cipher: ContentCipher = ContentCipher.CBC
) -> bytes:
    """Returns a ContentInfo that each of the recipients can open by their own key; `plain` is in pieces.

    Raises ConfigurationError `cms.self_check` when the output read again is not what was meant, and
    ValueError when there is no recipient.
    """
    if not recipients:
        raise ValueError("an envelope needs a recipient")
    key = os.urandom(CONTENT_KEY_BYTES)
    infos = der.set_of([recipient_info(one, key) for one in recipients])
    if cipher is ContentCipher.GCM:
        made = _gcm(plain, key, infos)
    else:
        # RFC 5652 6.1: 2 as soon as one recipient is reached by key agreement.
        version = 2 if any(one.transport is Transport.ECDH for one in recipients) else 0
        made = _cbc(plain, key, der.integer(version), infos)
    check_envelope(made, plain, recipients, authenticated=cipher is ContentCipher.GCM)
    return made


def _cbc(plain: Sequence[bytes], key: bytes, version: bytes, infos: bytes) -> bytes:
    iv = os.urandom(BLOCK_BYTES)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    n_pad = BLOCK_BYTES - sum(map(len, plain)) % BLOCK_BYTES
    encrypted = [encryptor.update(piece) for piece in (*plain, bytes([n_pad]) * n_pad)]
    encrypted.append(encryptor.finalize())
    content = _content(der.algorithm(names.AES256_CBC, der.octets(iv)), encrypted)
    return _content_info(names.ENVELOPED_DATA, der.nested(der.SEQUENCE, version, infos, content))


def _gcm(plain: Sequence[bytes], key: bytes, infos: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    encrypted = [encryptor.update(piece) for piece in plain]
    encrypted.append(encryptor.finalize())
    # The tag's length is 12 unless it is written down (RFC 5084 3.2).
    parameters = der.sequence(der.octets(nonce), der.integer(len(encryptor.tag)))
    content = _content(der.algorithm(names.AES256_GCM, parameters), encrypted)
    body = der.nested(der.SEQUENCE, der.integer(0), infos, content, der.octets(encryptor.tag))
    return _content_info(names.AUTH_ENVELOPED_DATA, body)


def _content(algorithm: bytes, encrypted: Sequence[bytes]) -> list[bytes]:
    return der.nested(der.SEQUENCE, der.oid(names.DATA), algorithm, der.nested(0x80, encrypted))


def _content_info(content_type: str, body: Sequence[bytes]) -> bytes:
    return b"".join(der.nested(der.SEQUENCE, der.oid(content_type), der.nested(0xA0, body)))
