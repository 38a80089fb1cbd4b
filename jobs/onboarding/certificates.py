"""Reads certificates and keys from PKCS#12, PEM or DER, and tells what a certificate says about itself.

Relies on cryptography, and on asn1crypto to tell a wrong password from a broken file. Passwords and keys stay
in memory; no message names them. Judges nothing: see `certificate_checks`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from schemas.errors import ConfigurationError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

MAX_FILE_BYTES = 1_000_000
_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PEM_KEY = re.compile(rb"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----.+?-----END [A-Z0-9 ]+-----", re.DOTALL)
_OCES3_ORGANISATION = re.compile(r"NTRDK-(\d{8})")
_OCES2_SERIAL = re.compile(r"CVR:(\d{8})-(?:UID|FID|RID):.+")


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate, its key when we hold it, and the authorities' certificates that came along."""

    certificate: x509.Certificate
    key: PrivateKey | None = field(default=None, repr=False)
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def matches(self) -> bool:
        """True when the key is the certificate's."""
        return self.key is not None and self.key.public_key() == self.certificate.public_key()


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a certificate says about itself; `cvr` is empty when its subject names none."""

    subject: str
    issuer: str
    cvr: str
    from_at: datetime
    until_at: datetime
    sha256: str
    sha1: str


def facts_of(certificate: x509.Certificate) -> CertificateFacts:
    """Returns a certificate's facts; fingerprints in lower-case hex, SHA-1 as portals ask for it."""
    return CertificateFacts(
        certificate.subject.rfc4514_string(),
        certificate.issuer.rfc4514_string(),
        cvr_of(certificate),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        certificate.fingerprint(hashes.SHA256()).hex(),
        certificate.fingerprint(hashes.SHA1()).hex(),  # a name, no proof
    )


def with_colons(fingerprint: str) -> str:
    """Returns a fingerprint as people compare it: pairs of capitals with colons between."""
    return ":".join(fingerprint[i : i + 2] for i in range(0, len(fingerprint), 2)).upper()


def cvr_of(certificate: x509.Certificate) -> str:
    """Returns the CVR number of the subject: OCES3 `NTRDK-<CVR>`, OCES2 `CVR:<CVR>-UID:…`; else empty."""
    for oid, form in (
        (NameOID.ORGANIZATION_IDENTIFIER, _OCES3_ORGANISATION),
        (NameOID.SERIAL_NUMBER, _OCES2_SERIAL),
    ):
        for attribute in certificate.subject.get_attributes_for_oid(oid):
            found = form.fullmatch(str(attribute.value))
            if found:
                return found[1]
    return ""


def read_file(path: Path) -> bytes:
    """Returns a file's bytes; raises ConfigurationError `own_certificate.file_unreadable`, `…too_large`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError("own_certificate.file_unreadable", file=path.name) from error
    if len(data) > MAX_FILE_BYTES:
        raise ConfigurationError("own_certificate.file_too_large", file=path.name)
    return data


def read_pkcs12(data: bytes, password: str) -> Identity:
    """Returns what a PKCS#12 file holds.

    Raises ConfigurationError `own_certificate.p12_unreadable`, `own_certificate.p12_password` or
    `own_certificate.p12_empty`.
    """
    if not _is_pkcs12(data):
        raise ConfigurationError("own_certificate.p12_unreadable")
    try:
        found = pkcs12.load_pkcs12(data, password.encode() or None)
    except ValueError:
        raise ConfigurationError("own_certificate.p12_password") from None
    if found.cert is None or not isinstance(found.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ConfigurationError("own_certificate.p12_empty")
    others = tuple(one.certificate for one in found.additional_certs)
    return Identity(found.cert.certificate, found.key, others)


def _is_pkcs12(data: bytes) -> bool:
    from asn1crypto.pkcs12 import Pfx

    try:
        return str(Pfx.load(data)["version"].native) == "v3"
    except (ValueError, TypeError, KeyError):
        return False


def read_certificates(data: bytes) -> list[x509.Certificate]:
    """Returns the certificates of a PEM or DER file, in order; raises ConfigurationError when it has none."""
    blocks = _PEM_CERTIFICATE.findall(data)
    try:
        if blocks:
            return [x509.load_pem_x509_certificate(block) for block in blocks]
        return [x509.load_der_x509_certificate(data)]
    except ValueError:
        raise ConfigurationError("own_certificate.unreadable") from None


def read_key(data: bytes, password: str = "") -> PrivateKey:
    """Returns the private key of a PEM or DER file.

    Raises ConfigurationError `own_certificate.key_unreadable`, `own_certificate.key_locked` when it needs a
    password and none was given, or `own_certificate.key_password`.
    """
    found = _PEM_KEY.search(data)
    load = serialization.load_pem_private_key if found else serialization.load_der_private_key
    secret = password.encode() or None
    try:
        key = load(found[0] if found else data, secret)
    except TypeError:
        if secret is not None:  # a password for a key that has none
            return read_key(data)
        raise ConfigurationError("own_certificate.key_locked") from None
    except ValueError:
        if secret is not None and found and b"ENCRYPTED" in found[0]:
            raise ConfigurationError("own_certificate.key_password") from None
        raise ConfigurationError("own_certificate.key_unreadable") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ConfigurationError("own_certificate.key_unreadable")
    return key


def holds_key(data: bytes) -> bool:
    """Says whether a PEM file holds a private key beside its certificates."""
    return _PEM_KEY.search(data) is not None


def join(certificates: Sequence[x509.Certificate], key: PrivateKey | None) -> Identity:
    """Returns a key's identity among certificates; without a fitting one, the first that is no authority."""
    fitting = [one for one in certificates if key is not None and one.public_key() == key.public_key()]
    leaves = [one for one in certificates if not is_authority(one)]
    own = (fitting or leaves or list(certificates))[0]
    return Identity(own, key, tuple(one for one in certificates if one is not own))


def is_authority(certificate: x509.Certificate) -> bool:
    """Says whether a certificate may sign others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
