"""Our own certificates and keys, and the certificates we encrypt to: loaded once, kept as objects.

Relies on cryptography. Loading an RSA key takes 47 ms (its numbers are checked), so a process loads each once
(facts/secure-mail 1.2). Judges no certificate: chain, time, use and revocation are `routing.certificates`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from routing.cms import der
from schemas.errors import ConfigurationError, Unreachable

MIN_RSA_BITS = 2048

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Transport(StrEnum):
    """How a content key reaches one recipient."""

    RSA_V15 = "rsa"
    RSA_OAEP = "rsa_oaep"
    ECDH = "ecdh"


@dataclass(frozen=True)
class CertificateId:
    """The ways a CMS message names a certificate: issuer and serial as they stand in it, or its key id."""

    certificate: x509.Certificate = field(repr=False)

    @cached_property
    def der(self) -> bytes:
        """The whole certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def issuer_and_serial(self) -> bytes:
        """IssuerAndSerialNumber, of the certificate's own bytes: a name encoded anew might differ."""
        fields = der.elements_inside(self.certificate.tbs_certificate_bytes)
        has_version = fields[0][0] == 0xA0
        serial, _, issuer = fields[has_version : has_version + 3]
        return der.sequence(issuer, serial)

    @cached_property
    def key_id(self) -> bytes:
        """The subject key identifier, empty when the certificate has none."""
        try:
            found = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except (x509.ExtensionNotFound, ValueError):
            return b""
        return found.value.digest

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in lower-case hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


@dataclass(frozen=True)
class Identity:
    """A certificate of ours with its private key, for signing and for opening; `chain` are its
    authorities."""

    id: CertificateId
    key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = field(default=(), repr=False)

    @cached_property
    def certificates_der(self) -> tuple[bytes, ...]:
        """Our certificate and its authorities, as a signature carries them."""
        return (self.id.der, *(one.public_bytes(Encoding.DER) for one in self.chain))


@dataclass(frozen=True)
class RecipientKey:
    """A certificate we may encrypt to, and how its key is used."""

    id: CertificateId
    transport: Transport

    @cached_property
    def key(self) -> CertificatePublicKeyTypes:
        """The certificate's public key, taken out once."""
        return self.id.certificate.public_key()


def load_identity(certificates_pem: bytes, key_pem: bytes) -> Identity:
    """Returns an identity of PEM texts: our certificate first, then its authorities, and the plain key.

    Raises ConfigurationError `certificate.ours_unreadable`, `certificate.key_unreadable`,
    `certificate.key_mismatch`, `certificate.key_kind` (neither RSA nor EC) or `certificate.key_weak`.
    """
    try:
        ours, *chain = x509.load_pem_x509_certificates(certificates_pem)
    except ValueError:
        raise ConfigurationError("certificate.ours_unreadable") from None
    try:
        key = load_pem_private_key(key_pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError("certificate.key_unreadable") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ConfigurationError("certificate.key_kind")
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != ours.public_key().public_bytes(*form):
        raise ConfigurationError("certificate.key_mismatch")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < MIN_RSA_BITS:
        raise ConfigurationError("certificate.key_weak", min_bits=MIN_RSA_BITS)
    return Identity(CertificateId(ours), key, tuple(chain))


def recipient_key(certificate: x509.Certificate, *, oaep: bool = False) -> RecipientKey:
    """Returns a recipient's certificate with the transport its key allows.

    `oaep` is for recipients known to read RSA-OAEP; without it RSA is v1.5, which all read (facts/secure-mail
    1.3). Raises Unreachable `certificate.key_unfit` for any key but RSA from 2048 bits and EC P-256.
    """
    key = certificate.public_key()
    identity = CertificateId(certificate)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return RecipientKey(identity, Transport.RSA_OAEP if oaep else Transport.RSA_V15)
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return RecipientKey(identity, Transport.ECDH)
    raise Unreachable("certificate.key_unfit")
