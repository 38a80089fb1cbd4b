"""Judges a sender's certificate point by point: key, time, use, CVR number and chain.

Relies on `certificates` and `chain`. Every point is judged, so that one visit to the issuer is enough.
Whether the certificate was revoked is not looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from eboks.tls import DAYS_OF_WARNING
from jobs.onboarding.certificates import Identity, cvr_of, facts_of, is_authority
from jobs.onboarding.chain import demand_chain
from jobs.onboarding.checks import Check, bad, fault, good, note
from schemas.errors import ConfigurationError

WARN_AT_DAYS = (DAYS_OF_WARNING, 30, 14, 7)
MIN_RSA_BITS = 2048
MIN_EC_BITS = 256
_CLIENT_USES = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


def check_identity(
    identity: Identity, roots: Sequence[x509.Certificate], cvr: str, now: datetime
) -> list[Check]:
    """Judges each point; without `cvr` any number will do, without `roots` the chain is a note."""
    certificate = identity.certificate
    return [
        _pair(identity),
        _strength(certificate),
        _time(certificate, now),
        _use(certificate),
        _cvr(certificate, cvr),
        _chain(identity, roots, now),
    ]


def warning_level(days: int) -> int | None:
    """Returns which of the days of warning a certificate has passed: 60, 30, 14 or 7; None when none."""
    return min((level for level in WARN_AT_DAYS if days <= level), default=None)


def _pair(identity: Identity) -> Check:
    if identity.key is None:
        return bad("certificate.pair", "own_certificate.no_key")
    return good("certificate.pair") if identity.matches else bad("certificate.pair", "tls.key_mismatch")


def _strength(certificate: x509.Certificate) -> Check:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        fits, what = key.key_size >= MIN_RSA_BITS, f"RSA {key.key_size}"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        fits, what = key.key_size >= MIN_EC_BITS, f"EC {key.curve.name}"
    else:
        fits, what = False, type(key).__name__.removesuffix("PublicKey")
    point = "certificate.strength"
    return good(point, key=what) if fits else bad(point, "own_certificate.weak_key", key=what)


def _time(certificate: x509.Certificate, now: datetime) -> Check:
    facts = facts_of(certificate)
    days = (facts.until_at - now).days
    if now < facts.from_at:
        return bad("certificate.time", "tls.certificate_not_yet_valid")
    if now >= facts.until_at:
        return bad("certificate.time", "tls.certificate_expired")
    if warning_level(days) is not None:
        return note("certificate.time", "tls.certificate_expires_soon", days=days)
    return good("certificate.time", days=days)


def _use(certificate: x509.Certificate) -> Check:
    """A client's certificate signs the handshake; an extension that is absent forbids nothing (RFC 5280)."""
    if is_authority(certificate):
        return bad("certificate.use", "own_certificate.is_authority")
    usage = _extension(certificate, lambda found: found.get_extension_for_class(x509.KeyUsage).value)
    if isinstance(usage, x509.KeyUsage) and not usage.digital_signature:
        return bad("certificate.use", "own_certificate.wrong_key_usage")
    extended = _extension(
        certificate, lambda found: found.get_extension_for_class(x509.ExtendedKeyUsage).value
    )
    if isinstance(extended, x509.ExtendedKeyUsage) and not _CLIENT_USES & set(extended):
        return bad("certificate.use", "own_certificate.wrong_extended_usage")
    return good("certificate.use")


def _extension(
    certificate: x509.Certificate, find: Callable[[x509.Extensions], x509.ExtensionType]
) -> x509.ExtensionType | None:
    try:
        return find(certificate.extensions)
    except x509.ExtensionNotFound:
        return None


def _cvr(certificate: x509.Certificate, cvr: str) -> Check:
    found = cvr_of(certificate)
    if not found:
        return bad("certificate.cvr", "own_certificate.cvr_missing")
    if cvr and found != cvr:
        return bad("certificate.cvr", "own_certificate.cvr_differs", found=found, wanted=cvr)
    return good("certificate.cvr", cvr=found)


def _chain(identity: Identity, roots: Sequence[x509.Certificate], now: datetime) -> Check:
    if not roots:
        return note("certificate.chain", "own_certificate.no_roots")
    try:
        length = demand_chain(identity.certificate, identity.chain, roots, now)
    except ConfigurationError as error:
        return fault("certificate.chain", error)
    return good("certificate.chain", certificates=length)
