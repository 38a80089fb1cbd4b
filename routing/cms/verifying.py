"""Checks the signatures of SignedData against the certificates that came with them.

Relies on asn1crypto for the structure and on cryptography for the signatures. A good signature says only
that the holder of that certificate's key signed these bytes: who that is, and whether we trust him, is
asked in `routing.certificates`. SHA-1 signatures are not accepted. Sources: RFC 5652 5.4, RFC 8551 2.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from routing.cms import der, names
from routing.cms.content import Limits, form_faults
from routing.cms.keys import CertificateId
from schemas.errors import BadInput

HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class Signature:
    """One signer's verdict: `code` says what is wrong, empty when the signature is good.

    `certificate` is None when it did not come along; `at` is the signer's own word about the time.
    """

    certificate: x509.Certificate | None = field(repr=False)
    code: str = ""
    at: datetime | None = None

    @property
    def good(self) -> bool:
        return not self.code

    @property
    def fingerprint(self) -> str:
        return CertificateId(self.certificate).fingerprint if self.certificate else ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What SignedData carried: its payload, a verdict for each signer, and all certificates."""

    payload: bytes = field(repr=False)
    signatures: tuple[Signature, ...]
    certificates: tuple[x509.Certificate, ...] = field(repr=False)


def verify(signed: Any, detached: bytes | None, limits: Limits) -> Verified:
    """Returns the verdicts on SignedData; `detached` is the payload when it is not inside.

    Raises BadInput `cms.form`, `cms.too_many_parts`, or `cms.no_payload` when there is none or two.
    """
    with form_faults():
        infos, encapsulated = signed["signer_infos"], signed["encap_content_info"]
        carried = signed["certificates"] or ()
        for n, limit in ((len(infos), limits.max_signers), (len(carried), limits.max_certificates)):
            if n > limit:
                raise BadInput("cms.too_many_parts", max_parts=limit)
        inside = _carried(encapsulated["content"])
        payload = inside if detached is None else detached
        if payload is None or (inside is not None and detached is not None):
            raise BadInput("cms.no_payload")
        certificates = tuple(
            x509.load_der_x509_certificate(one.chosen.dump()) for one in carried if one.name == "certificate"
        )
        content_type = encapsulated["content_type"].dotted
        verdicts = tuple(_verdict(info, content_type, payload, certificates) for info in infos)
    return Verified(payload, verdicts, certificates)


def _carried(content: Any) -> bytes | None:
    """Returns the payload that is inside, None when it was left out."""
    from asn1crypto import core

    return None if isinstance(content, core.Void) else bytes(content.contents)


def _verdict(
    info: Any, content_type: str, payload: bytes, certificates: tuple[x509.Certificate, ...]
) -> Signature:
    certificate = next((one for one in certificates if _signed_by(info["sid"], one)), None)
    if certificate is None:
        return Signature(None, code="cms.signer_certificate_missing")
    name = info["digest_algorithm"]["algorithm"].native
    if name not in HASHES:
        return Signature(certificate, code="cms.digest_weak")
    attributes = {one["type"].dotted: one["values"] for one in info["signed_attrs"]}
    at = _time(attributes)
    if len(attributes) != len(info["signed_attrs"]):
        return Signature(certificate, code="cms.signature_bad", at=at)
    signed = payload
    if attributes:
        if not _attributes_fit(attributes, content_type, hashlib.new(name, payload).digest()):
            return Signature(certificate, code="cms.content_changed", at=at)
        # Signed as a SET OF, carried as [0].
        signed = bytes([der.SET]) + info["signed_attrs"].dump()[1:]
    elif content_type != names.DATA:
        return Signature(certificate, code="cms.signature_bad", at=at)
    code = "" if _is_valid(info, certificate, HASHES[name], signed) else "cms.signature_bad"
    return Signature(certificate, code=code, at=at)


def _signed_by(sid: Any, certificate: x509.Certificate) -> bool:
    from asn1crypto import cms

    identity = CertificateId(certificate)
    if sid.name == "subject_key_identifier":
        return bool(identity.key_id) and sid.chosen.native == identity.key_id
    ours = cms.IssuerAndSerialNumber.load(identity.issuer_and_serial)
    same_serial = sid.chosen["serial_number"].native == ours["serial_number"].native
    return same_serial and bool(sid.chosen["issuer"] == ours["issuer"])


def _attributes_fit(attributes: dict[str, Any], content_type: str, digest: bytes) -> bool:
    """Says whether the signed attributes are about this content; each must have exactly one value."""
    types, digests = attributes.get(names.CONTENT_TYPE, ()), attributes.get(names.MESSAGE_DIGEST, ())
    if len(types) != 1 or len(digests) != 1:
        return False
    return types[0].dotted == content_type and hmac.compare_digest(digests[0].native, digest)


def _time(attributes: dict[str, Any]) -> datetime | None:
    times = attributes.get(names.SIGNING_TIME, ())
    at = times[0].native if len(times) == 1 else None
    return at if isinstance(at, datetime) else None


def _is_valid(info: Any, certificate: x509.Certificate, digest: hashes.HashAlgorithm, signed: bytes) -> bool:
    """Says whether the signature value is this certificate's over these bytes."""
    key, value = certificate.public_key(), info["signature"].native
    algorithm = info["signature_algorithm"]
    kind = algorithm.signature_algo
    try:
        if kind == "rsassa_pkcs1v15" and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, signed, padding.PKCS1v15(), digest)
        elif kind == "rsassa_pss" and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, signed, _pss(algorithm["parameters"]), digest)
        elif kind == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(value, signed, ec.ECDSA(digest))
        elif kind == "ed25519" and isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(value, signed)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _pss(parameters: Any) -> padding.PSS:
    mask = parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native
    return padding.PSS(padding.MGF1(HASHES[mask]), parameters["salt_length"].native)
