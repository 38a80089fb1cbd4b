"""Decrypts enveloped content: AES in CBC, and AES in GCM whose plain text is given out only after its tag.

Relies on `unwrapping` for the content key. CBC alone shows no change on the way: the caller must know
whether a signature inside does (EFAIL). Sources: RFC 5652 6, RFC 5083, RFC 5084.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from routing.cms import der, names
from routing.cms.content import Limits, form_faults
from routing.cms.keys import Identity, Transport
from routing.cms.unwrapping import unwrap
from schemas.errors import BadInput

_CBC_KEY_BYTES = {names.AES128_CBC: 16, names.AES192_CBC: 24, names.AES256_CBC: 32}
_GCM_KEY_BYTES = {names.AES128_GCM: 16, names.AES192_GCM: 24, names.AES256_GCM: 32}
_DEFAULT_TAG_BYTES = 12
_TAG_BYTES = range(12, 17)
_BLOCK_BYTES = 16


@dataclass(frozen=True, slots=True)
class Decrypted:
    """What was inside an envelope. `authenticated` says that a change on the way would have been seen."""

    plain: bytes = field(repr=False)
    cipher: str
    transport: Transport
    fingerprint: str
    authenticated: bool


def decrypt(content_type: str, content: Any, identities: Sequence[Identity], limits: Limits) -> Decrypted:
    """Returns the plain content of EnvelopedData or AuthEnvelopedData.

    Raises BadInput as `unwrap`, and `cms.cipher_unsupported` or `cms.undecryptable`.
    """
    authenticated = content_type == names.AUTH_ENVELOPED_DATA
    found = unwrap(content["recipient_infos"], identities, limits.max_recipients)
    with form_faults():
        encrypted = content["auth_encrypted_content_info" if authenticated else "encrypted_content_info"]
        algorithm = encrypted["content_encryption_algorithm"]
        cipher = algorithm["algorithm"].dotted
        n_key = (_GCM_KEY_BYTES if authenticated else _CBC_KEY_BYTES).get(cipher)
        if n_key is None:
            raise BadInput("cms.cipher_unsupported", cipher=cipher)
        if n_key != len(found.key):
            raise BadInput("cms.undecryptable")
        sealed = encrypted["encrypted_content"].native or b""
        if authenticated:
            opened = _gcm(content, algorithm, found.key, sealed)
        else:
            opened = _cbc(algorithm, found.key, sealed)
    name = f"aes{8 * n_key}_{'gcm' if authenticated else 'cbc'}"
    return Decrypted(opened, name, found.transport, found.fingerprint, authenticated)


def _cbc(algorithm: Any, key: bytes, sealed: bytes) -> bytes:
    iv = algorithm["parameters"].native
    if len(iv) != _BLOCK_BYTES or not sealed or len(sealed) % _BLOCK_BYTES:
        raise BadInput("cms.undecryptable")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    n_pad = padded[-1]
    if not 1 <= n_pad <= _BLOCK_BYTES or padded[-n_pad:] != bytes([n_pad]) * n_pad:
        raise BadInput("cms.undecryptable")
    return padded[:-n_pad]


def _gcm(content: Any, algorithm: Any, key: bytes, sealed: bytes) -> bytes:
    nonce, *length = der.elements_inside(algorithm["parameters"].dump())
    n_tag = int.from_bytes(_content(length[0]), "big") if length else _DEFAULT_TAG_BYTES
    tag = content["mac"].native
    if len(tag) != n_tag or n_tag not in _TAG_BYTES:
        raise BadInput("cms.undecryptable")
    mode = modes.GCM(_content(nonce), tag, min_tag_length=n_tag)
    decryptor = Cipher(algorithms.AES(key), mode).decryptor()
    attributes = content["auth_attrs"].dump()
    if attributes:  # authenticated as a SET OF, carried as [1] (RFC 5083 2.2)
        decryptor.authenticate_additional_data(bytes([der.SET]) + attributes[1:])
    plain = decryptor.update(sealed)
    try:
        return plain + decryptor.finalize()
    except InvalidTag:
        raise BadInput("cms.undecryptable") from None


def _content(element: bytes) -> bytes:
    return element[der.content_start(element, 0) :]
