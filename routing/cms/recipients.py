"""Brings a content key to one certificate: RSA v1.5, RSA-OAEP with SHA-256, or ECDH on P-256.

Relies on cryptography. Every recipient is named by issuer and serial, which all readers know (gpgsm knows
no key ids: facts/secure-mail 1.3). Sources: RFC 8017 and 4056 (RSA), RFC 5753 (ECDH), RFC 3565 (key wrap).
"""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from routing.cms import der, names
from routing.cms.keys import RecipientKey, Transport
from schemas.errors import Unreachable

_RSA_V15 = der.algorithm(names.RSA, der.NULL)
_SHA256 = der.algorithm(names.SHA256, der.NULL)
_RSA_OAEP = der.algorithm(
    names.RSA_OAEP,
    der.sequence(der.context(0, _SHA256), der.context(1, der.algorithm(names.MGF1, _SHA256))),
)
_WRAP = der.algorithm(names.AES256_WRAP)
_ECDH = der.algorithm(names.ECDH_SHA256_KDF, _WRAP)
_EC_POINT = der.algorithm(names.EC_PUBLIC_KEY)
_WRAP_KEY_BYTES = 32


def recipient_info(recipient: RecipientKey, content_key: bytes) -> bytes:
    """Returns the RecipientInfo; Unreachable `certificate.key_unfit` when key and transport do not fit."""
    key = recipient.key
    if isinstance(key, rsa.RSAPublicKey) and recipient.transport is not Transport.ECDH:
        return _rsa(recipient, key, content_key)
    if isinstance(key, ec.EllipticCurvePublicKey) and recipient.transport is Transport.ECDH:
        return _ecdh(recipient, key, content_key)
    raise Unreachable("certificate.key_unfit")


def shared_info(wrap_algorithm: bytes, n_key_bytes: int, user_material: bytes | None = None) -> bytes:
    """Returns ECC-CMS-SharedInfo (RFC 5753 7.2), which ties the derived key to its use."""
    length = der.octets((8 * n_key_bytes).to_bytes(4, "big"))
    material = () if user_material is None else (der.context(0, der.octets(user_material)),)
    return der.sequence(wrap_algorithm, *material, der.context(2, length))


def oaep_padding(
    digest: hashes.HashAlgorithm, mask_digest: hashes.HashAlgorithm, label: bytes | None = None
) -> padding.OAEP:
    """Returns the padding with MGF1."""
    return padding.OAEP(padding.MGF1(mask_digest), digest, label)


def _rsa(recipient: RecipientKey, key: rsa.RSAPublicKey, content_key: bytes) -> bytes:
    if recipient.transport is Transport.RSA_OAEP:
        algorithm, encrypted = (
            _RSA_OAEP,
            key.encrypt(content_key, oaep_padding(hashes.SHA256(), hashes.SHA256())),
        )
    else:
        algorithm, encrypted = _RSA_V15, key.encrypt(content_key, padding.PKCS1v15())
    return der.sequence(der.integer(0), recipient.id.issuer_and_serial, algorithm, der.octets(encrypted))


def _ecdh(recipient: RecipientKey, key: ec.EllipticCurvePublicKey, content_key: bytes) -> bytes:
    ours = ec.generate_private_key(key.curve)
    secret = ours.exchange(ec.ECDH(), key)
    info = shared_info(_WRAP, _WRAP_KEY_BYTES)
    wrapping_key = X963KDF(hashes.SHA256(), _WRAP_KEY_BYTES, info).derive(secret)
    point = ours.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    originator = der.context(0, der.context(1, _EC_POINT, der.tlv(der.BIT_STRING, b"\x00", point)))
    wrapped = der.octets(keywrap.aes_key_wrap(wrapping_key, content_key))
    encrypted_keys = der.sequence(der.sequence(recipient.id.issuer_and_serial, wrapped))
    return der.context(1, der.integer(3), originator, _ECDH, encrypted_keys)
