"""Judges a certificate by what stands in it: its time, its key, what it may be used for, and whose it is.

Pure. Relies on cryptography for reading. Sources: facts/secure-mail 2 (steps 2 to 5), RFC 8550 3 and 4.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from routing.certificates.verdicts import Purpose, Refusal
from routing.cms.damage import DAMAGED
from routing.cms.keys import MIN_RSA_BITS, recipient_key
from routing.mime.addresses import MailAddress, parse_address
from schemas.errors import BadInput, Unreachable

_MAIL_USES = frozenset({ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


_E = TypeVar("_E", bound=x509.ExtensionType)


def first_fault(
    certificate: x509.Certificate, purpose: Purpose, address: MailAddress | None, now: datetime
) -> Refusal | None:
    """Returns the first reason not to use a certificate, None when there is none in it.

    `address` is whom it must name; None when something else binds it (a tunnel list, a pin). Codes:
    `certificate.not_yet_valid`, `expired`, `key_unfit`, `usage_unfit`, `purpose_unfit`, `address_mismatch`,
    `damaged`.
    """
    if now < certificate.not_valid_before_utc:
        return Refusal("certificate.not_yet_valid", {"since": f"{certificate.not_valid_before_utc:%Y-%m-%d}"})
    if now >= certificate.not_valid_after_utc:
        return Refusal("certificate.expired", {"until": f"{certificate.not_valid_after_utc:%Y-%m-%d}"})
    try:
        return _extension_fault(certificate, purpose, address)
    except DAMAGED:  # an extension that can't be read
        return Refusal("certificate.damaged")


def addresses_in(certificate: x509.Certificate) -> Iterator[MailAddress]:
    """Yields the addresses a certificate names: those of its alternative names, or, when it has none there,
    of the old emailAddress in its subject (RFC 8550 3). One that is no address is left out."""
    alternative = _extension(certificate, x509.SubjectAlternativeName)
    texts = alternative.get_values_for_type(x509.RFC822Name) if alternative else []
    if not texts:
        found = certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
        texts = [str(one.value) for one in found]
    for text in texts:
        try:
            yield parse_address(text)
        except BadInput:
            continue


def is_authority(certificate: x509.Certificate) -> bool:
    """Says whether a certificate is one that issues others; directories give them along with a person's."""
    try:
        constraints = _extension(certificate, x509.BasicConstraints)
    except DAMAGED:  # an extension that can't be read: the verdict will say so
        return False
    return constraints is not None and constraints.ca


def is_same_mailbox(one: MailAddress, other: MailAddress) -> bool:
    """Says whether two addresses are the same mailbox: domains as A-labels, local parts without regard to
    case and to nothing else.

    By RFC 5321 only the receiving system may say whether case matters in a local part. No system in use keeps
    two people apart by it, while personnel systems write Bo.Ek@ for what the certificate calls bo.ek@. No dot
    and no +suffix is taken away.
    """
    return one.domain == other.domain and one.local.lower() == other.local.lower()


def _extension_fault(
    certificate: x509.Certificate, purpose: Purpose, address: MailAddress | None
) -> Refusal | None:
    if not _has_fit_key(certificate, purpose):
        return Refusal("certificate.key_unfit")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not _may(usage, certificate, purpose):
        return Refusal("certificate.usage_unfit")
    extended = _extension(certificate, x509.ExtendedKeyUsage)
    if extended is not None and not _MAIL_USES & set(extended):
        return Refusal("certificate.purpose_unfit")
    if address is not None and not any(is_same_mailbox(address, one) for one in addresses_in(certificate)):
        return Refusal("certificate.address_mismatch")
    return None


def _has_fit_key(certificate: x509.Certificate, purpose: Purpose) -> bool:
    if purpose is Purpose.ENCRYPT:
        try:
            return bool(recipient_key(certificate).transport)
        except Unreachable:
            return False
    try:
        key = certificate.public_key()
    except DAMAGED:
        return False
    return not isinstance(key, rsa.RSAPublicKey) or key.key_size >= MIN_RSA_BITS


def _may(usage: x509.KeyUsage, certificate: x509.Certificate, purpose: Purpose) -> bool:
    if purpose is Purpose.SIGN:
        return usage.digital_signature or usage.content_commitment
    if isinstance(certificate.public_key(), ec.EllipticCurvePublicKey):
        return usage.key_agreement
    return usage.key_encipherment


def _extension(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
