"""Signs: SignedData with SHA-256, opaque or detached, with our certificate chain in it.

Relies on cryptography for the signature and on `der` for the structure. RSA signatures are PKCS#1 v1.5 and
EC ones take their nonce from RFC 6979, so the same payload, key and time give the same bytes (design 4.2).
Reads no mail and checks no signature.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from routing.cms import der, names
from routing.cms.keys import Identity

_SHA256 = der.algorithm(names.SHA256)  # parameters absent: RFC 5754 2
_RSA = der.algorithm(names.RSA, der.NULL)  # the form every reader knows: RFC 3370 3.2
_ECDSA = der.algorithm(names.ECDSA_SHA256)
_CONTENT_TYPE = der.sequence(der.oid(names.CONTENT_TYPE), der.set_of([der.oid(names.DATA)]))
# What we read, best first, so that a correspondent's program may pick it.
_CAPABILITIES = der.sequence(
    der.oid(names.CAPABILITIES),
    der.set_of(
        [
            der.sequence(
                *(der.algorithm(name) for name in (names.AES256_GCM, names.AES256_CBC, names.AES128_CBC))
            )
        ]
    ),
)
_UTC_TIME_UNTIL = 2050


def digest_of(payload: Sequence[bytes]) -> bytes:
    """Returns the SHA-256 of a payload in pieces."""
    digest = sha256()
    for piece in payload:
        digest.update(piece)
    return digest.digest()


def sign(
    payload: Sequence[bytes], digest: bytes, signer: Identity, at: datetime, *, detached: bool = False
) -> bytes:
    """Returns a ContentInfo with SignedData over a payload in pieces, whose `digest_of` is `digest`.

    `at` is the signing time, aware. `detached` leaves the payload out, for multipart/signed.
    """
    content = [] if detached else der.nested(0xA0, der.nested(der.OCTET_STRING, payload))
    body = der.nested(
        der.SEQUENCE,
        der.integer(1),
        der.set_of([_SHA256]),
        der.nested(der.SEQUENCE, der.oid(names.DATA), content),
        der.set_of(signer.certificates_der, 0xA0),
        der.set_of([_signer_info(digest, signer, at)]),
    )
    return b"".join(der.nested(der.SEQUENCE, der.oid(names.SIGNED_DATA), der.nested(0xA0, body)))


def _signer_info(digest: bytes, signer: Identity, at: datetime) -> bytes:
    attributes = [
        _CONTENT_TYPE,
        der.sequence(der.oid(names.SIGNING_TIME), der.set_of([_time(at)])),
        der.sequence(der.oid(names.MESSAGE_DIGEST), der.set_of([der.octets(digest)])),
        _CAPABILITIES,
    ]
    # Signed as a SET OF, carried as [0] (RFC 5652 5.4).
    signature = _signature(der.set_of(attributes), signer)
    return der.sequence(
        der.integer(1),
        signer.id.issuer_and_serial,
        _SHA256,
        der.set_of(attributes, 0xA0),
        _RSA if isinstance(signer.key, rsa.RSAPrivateKey) else _ECDSA,
        der.octets(signature),
    )


def _signature(signed: bytes, signer: Identity) -> bytes:
    if isinstance(signer.key, rsa.RSAPrivateKey):
        return signer.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return signer.key.sign(signed, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def _time(at: datetime) -> bytes:
    """Returns a time as RFC 5652 11.3 wants it: UTCTime until 2049."""
    at = at.astimezone(UTC)
    if at.year < _UTC_TIME_UNTIL:
        return der.tlv(der.UTC_TIME, f"{at:%y%m%d%H%M%SZ}".encode())
    return der.tlv(der.GENERALIZED_TIME, f"{at:%Y%m%d%H%M%SZ}".encode())
