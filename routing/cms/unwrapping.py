"""Gets the content key out of a message by one of our own keys.

Relies on asn1crypto for the structure and on cryptography for the rest. Reads more than we write:
recipients named by key id, OAEP with any hash, every X9.63 derivation. Decrypts no content. Sources: as
`recipients`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from routing.cms import der, names
from routing.cms.content import form_faults
from routing.cms.keys import Identity, Transport
from routing.cms.recipients import oaep_padding, shared_info
from schemas.errors import BadInput

# SHA-1 only where its weakness does not matter: as a mask and in a key derivation.
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_DERIVATIONS = {
    names.ECDH_SHA1_KDF: "sha1",
    names.ECDH_SHA224_KDF: "sha224",
    names.ECDH_SHA256_KDF: "sha256",
    names.ECDH_SHA384_KDF: "sha384",
    names.ECDH_SHA512_KDF: "sha512",
}
_WRAP_KEY_BYTES = {names.AES128_WRAP: 16, names.AES192_WRAP: 24, names.AES256_WRAP: 32}


@dataclass(frozen=True, slots=True)
class ContentKey:
    """A content key, whose certificate opened it and how it had come."""

    key: bytes = field(repr=False)
    fingerprint: str
    transport: Transport


@dataclass(frozen=True, slots=True)
class _Slot:
    """One recipient's place in a message: how it is named, and the structures its key is in."""

    name: Any
    info: Any
    encrypted_key: bytes


def unwrap(infos: Any, identities: Sequence[Identity], max_recipients: int) -> ContentKey:
    """Returns the content key by the first of our keys that the message names.

    Raises BadInput `cms.not_for_us`, `cms.transport_unsupported`, `cms.undecryptable`, `cms.form` or
    `cms.too_many_parts`.
    """
    with form_faults():
        if len(infos) > max_recipients:
            raise BadInput("cms.too_many_parts", max_parts=max_recipients)
        for slot in _slots(infos):
            for identity in identities:
                if _is_named(slot.name, identity):
                    return _opened(slot, identity)
    raise BadInput("cms.not_for_us")


def _slots(infos: Any) -> Iterator[_Slot]:
    for info in infos:
        one = info.chosen
        if info.name == "ktri":
            yield _Slot(one["rid"].chosen, one, one["encrypted_key"].native)
        elif info.name == "kari":
            for key in one["recipient_encrypted_keys"]:
                yield _Slot(key["rid"].chosen, one, key["encrypted_key"].native)


def _is_named(name: Any, identity: Identity) -> bool:
    """Says whether a recipient's name (issuer and serial, or key id) is our certificate's."""
    from asn1crypto import cms

    if isinstance(name, cms.IssuerAndSerialNumber):
        ours = cms.IssuerAndSerialNumber.load(identity.id.issuer_and_serial)
        same_serial = name["serial_number"].native == ours["serial_number"].native
        # Some programs write the issuer's strings in another type than the certificate has them.
        return same_serial and bool(name["issuer"] == ours["issuer"])
    key_id = name["subject_key_identifier"] if isinstance(name, cms.RecipientKeyIdentifier) else name
    return bool(identity.id.key_id) and key_id.native == identity.id.key_id


def _opened(slot: _Slot, identity: Identity) -> ContentKey:
    key = identity.key
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            opened, transport = _by_rsa(slot, key)
        else:
            opened, transport = _by_ecdh(slot, key), Transport.ECDH
    except (ValueError, keywrap.InvalidUnwrap, UnsupportedAlgorithm):
        raise BadInput("cms.undecryptable") from None
    return ContentKey(opened, identity.id.fingerprint, transport)


def _by_rsa(slot: _Slot, key: rsa.RSAPrivateKey) -> tuple[bytes, Transport]:
    algorithm = slot.info["key_encryption_algorithm"]
    name = algorithm["algorithm"].dotted
    if name == names.RSA:
        # A wrong padding gives a random key and no error, so nobody learns from us which it was.
        return key.decrypt(slot.encrypted_key, padding.PKCS1v15()), Transport.RSA_V15
    if name == names.RSA_OAEP:
        return key.decrypt(slot.encrypted_key, _oaep(algorithm["parameters"])), Transport.RSA_OAEP
    raise BadInput("cms.transport_unsupported")


def _oaep(parameters: Any) -> padding.OAEP:
    from asn1crypto import algos, core

    if isinstance(parameters, core.Void | core.Null):
        parameters = algos.RSAESOAEPParams({})
    digest = HASHES.get(parameters["hash_algorithm"]["algorithm"].native)
    mask = HASHES.get(parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native)
    if digest is None or mask is None:
        raise BadInput("cms.transport_unsupported")
    label = parameters["p_source_algorithm"]["parameters"].native
    return oaep_padding(digest, mask, label or None)


def _by_ecdh(slot: _Slot, key: ec.EllipticCurvePrivateKey) -> bytes:
    algorithm = slot.info["key_encryption_algorithm"]
    digest = HASHES.get(_DERIVATIONS.get(algorithm["algorithm"].dotted, ""))
    if digest is None or slot.info["originator"].name != "originator_key":
        raise BadInput("cms.transport_unsupported")
    wrap = algorithm["parameters"].dump()
    n_bytes = _wrap_key_bytes(wrap)
    # originatorKey is [0] { [1] { algorithm, BIT STRING with no unused bits } }.
    _, bits = der.elements_inside(slot.info["originator"].chosen.dump())
    point = bits[der.content_start(bits, 0) + 1 :]
    secret = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point))
    info = shared_info(wrap, n_bytes, slot.info["ukm"].native)
    wrapping_key = X963KDF(digest, n_bytes, info).derive(secret)
    return keywrap.aes_key_unwrap(wrapping_key, slot.encrypted_key)


def _wrap_key_bytes(wrap: bytes) -> int:
    name = der.elements_inside(wrap)[0]
    for dotted, n_bytes in _WRAP_KEY_BYTES.items():
        if name == der.oid(dotted):
            return n_bytes
    raise BadInput("cms.transport_unsupported")
