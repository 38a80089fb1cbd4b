"""Certificates for secure mail in tests: authorities of every kind, people with RSA and EC keys, all made
here.

Relies on cryptography. Keys are made once for a run. The OCES3-like chain has PSS signatures with SHA-512
and a salt of 64, as facts/secure-mail 2 describes the real one, with shorter keys so that making them takes
no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from routing.cms.keys import CertificateId, Identity, PrivateKey, RecipientKey, recipient_key

LETTER_AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
PASSWORD = "test"
_PSS = padding.PSS(padding.MGF1(hashes.SHA512()), 64)


@dataclass(frozen=True)
class Authority:
    """An authority that issues certificates; `pss` makes it sign the OCES3 way."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()
    pss: bool = False


@dataclass(frozen=True)
class Person:
    """Somebody with a certificate and a key, and the address in it."""

    address: str
    identity: Identity

    @cached_property
    def recipient(self) -> RecipientKey:
        return recipient_key(self.identity.id.certificate)

    @property
    def certificate(self) -> x509.Certificate:
        return self.identity.id.certificate

    def files(self, folder: Path) -> tuple[str, str]:
        """Writes certificate and key as PEM and returns their paths."""
        name = self.identity.id.fingerprint[:12]
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        key.write_bytes(key_pem(self.identity.key))
        return str(certificate), str(key)

    def p12(self) -> bytes:
        """Returns certificate, chain and key in the old PKCS#12 form that gpgsm reads."""
        encryption = (
            PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(2048)
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())
            .build(PASSWORD.encode())
        )
        return pkcs12.serialize_key_and_certificates(
            self.address.encode(), self.identity.key, self.certificate, self.identity.chain, encryption
        )


@dataclass(frozen=True)
class MailPeople:
    """The usual cast: two who send, and recipients with one kind of key each."""

    root: Authority
    sender: Person
    sender_ec: Person
    bob: Person
    carol: Person
    ecbob: Person
    stranger: Person


def key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def make_root(name: str = "Brevdue test root", *, pss: bool = False) -> Authority:
    key: PrivateKey = rsa_key() if pss else ec_key()
    subject = _name(name)
    builder = _builder(subject, subject, key, LETTER_AT - timedelta(days=900), 7300)
    return Authority(_signed(_authority(builder, None), key, pss), key, pss=pss)


def make_issuing(
    root: Authority, name: str = "Brevdue test issuing CA", extensions: Sequence[x509.ExtensionType] = ()
) -> Authority:
    key: PrivateKey = rsa_key() if root.pss else ec_key()
    builder = _builder(_name(name), root.certificate.subject, key, LETTER_AT - timedelta(days=800), 3650)
    builder = _authority(builder, 0)
    for one in extensions:
        builder = builder.add_extension(one, critical=False)
    certificate = _signed(builder, root.key, root.pss)
    return Authority(certificate, key, (root.certificate,), root.pss)


def issue(
    authority: Authority,
    address: str,
    key: PrivateKey | None = None,
    *,
    days: int = 1000,
    from_at: datetime = LETTER_AT - timedelta(days=365),
    usages: Sequence[str] = ("digital_signature", "key_encipherment", "key_agreement"),
    mail_use: bool = True,
    in_subject: bool = False,
    extensions: Sequence[x509.ExtensionType] = (),
) -> Person:
    """Returns a person with a certificate; each keyword makes one thing about it different."""
    key = key or rsa_key()
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, address.partition("@")[0])]
    parts += [x509.NameAttribute(NameOID.EMAIL_ADDRESS, address)] if in_subject else []
    builder = _builder(x509.Name(parts), authority.certificate.subject, key, from_at, days)
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
    builder = builder.add_extension(_usage(usages), critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    if not in_subject:
        names = x509.SubjectAlternativeName([x509.RFC822Name(address)])
        builder = builder.add_extension(names, critical=False)
    if mail_use:
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(use, critical=False)
    for one in extensions:
        builder = builder.add_extension(one, critical=False)
    chain = (authority.certificate, *authority.chain)
    certificate = _signed(builder, authority.key, authority.pss)
    return Person(address, Identity(CertificateId(certificate), key, chain))


def certificate_builder(like: x509.Certificate) -> x509.CertificateBuilder:
    """Returns the beginning of a certificate like another one, without its extensions."""
    return (
        x509.CertificateBuilder()
        .subject_name(like.subject)
        .issuer_name(like.issuer)
        .public_key(like.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(like.not_valid_before_utc)
        .not_valid_after(like.not_valid_after_utc)
    )


def signed_by(authority: Authority, builder: x509.CertificateBuilder) -> x509.Certificate:
    """Returns the certificate that a builder describes, signed as the authority signs."""
    return _signed(builder, authority.key, authority.pss)


@pytest.fixture(scope="session")
def people() -> MailPeople:
    return make_people()


def make_people() -> MailPeople:
    """Returns the cast with fresh keys."""
    root = make_root()
    return MailPeople(
        root,
        sender=issue(root, "loen@afsender.example"),
        sender_ec=issue(root, "loen-ec@afsender.example", ec_key()),
        bob=issue(root, "bob@modtager.example"),
        carol=issue(root, "carol@modtager.example"),
        ecbob=issue(root, "ecbob@modtager.example", ec_key()),
        stranger=issue(make_root("Somebody else"), "fremmed@andet.example"),
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "DK"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, from_at: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(from_at)
        .not_valid_after(from_at + timedelta(days=days))
    )


def _authority(builder: x509.CertificateBuilder, path_length: int | None) -> x509.CertificateBuilder:
    return builder.add_extension(x509.BasicConstraints(True, path_length), critical=True).add_extension(
        _usage(("key_cert_sign", "crl_sign")), critical=True
    )


def _usage(names: Sequence[str]) -> x509.KeyUsage:
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name in names for name in every})


def pss_padding(authority: Authority) -> padding.PSS | None:
    """Returns how an authority pads what it signs; None where it does so as usual."""
    return _PSS if authority.pss else None


def _signed(builder: x509.CertificateBuilder, key: PrivateKey, pss: bool) -> x509.Certificate:
    if pss:
        return builder.sign(key, hashes.SHA512(), rsa_padding=_PSS)
    return builder.sign(key, hashes.SHA256())
