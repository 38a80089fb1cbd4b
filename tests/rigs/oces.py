"""An authority that issues certificates as OCES3 does, and senders' certificates with each thing wrong.

The chain copies the public facts (facts/secure-mail): root → issuing authority (path length 0) → sender,
RSASSA-PSS with SHA-512 and a salt of 64 bytes, `NTRDK-<CVR>` in the subject. Keys are small, for speed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CVR = "13748136"
OTHER_CVR = "28541074"
PASSWORD = "hemmelig-æøå"
_PSS = padding.PSS(padding.MGF1(hashes.SHA512()), 64)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key and the authorities above it, root left out."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        return b"".join(
            one.public_bytes(serialization.Encoding.PEM) for one in (self.certificate, *self.chain)
        )

    def key_pem(self, password: str = "") -> bytes:
        lock: serialization.KeySerializationEncryption = (
            serialization.BestAvailableEncryption(password.encode())
            if password
            else serialization.NoEncryption()
        )
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)

    def p12(self, password: str = PASSWORD) -> bytes:
        return pkcs12.serialize_key_and_certificates(
            b"afsender",
            self.key,
            self.certificate,
            self.chain,
            serialization.BestAvailableEncryption(password.encode()),
        )


@dataclass(frozen=True, slots=True)
class Oces:
    """An OCES3-like authority; `issue` makes senders' certificates, right unless told otherwise."""

    root: Issued
    issuing: Issued
    now: datetime

    @property
    def roots_pem(self) -> bytes:
        return self.root.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        *,
        cvr: str = CVR,
        days: int = 900,
        since_days: int = 1,
        subject: list[x509.NameAttribute[str]] | None = None,
        usage: bool = True,
        extended: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
        authority: bool = False,
        key: rsa.RSAPrivateKey | None = None,
    ) -> Issued:
        """Returns a certificate valid from `since_days` ago for `days` from now; both may be negative."""
        from_at, until_at = self.now - timedelta(days=since_days), self.now + timedelta(days=days, hours=1)
        name = x509.Name(subject or oces3_subject(cvr))
        own = key or next(_SENDERS)
        made = _sign(
            _builder(name, self.issuing.certificate.subject, own, from_at, until_at, authority)
            .add_extension(_usage(signature=usage, authority=authority), critical=True)
            .add_extension(x509.ExtendedKeyUsage(extended), critical=False),
            self.issuing,
        )
        return Issued(made, own, (self.issuing.certificate,))

    def issue_for(self, request: x509.CertificateSigningRequest, days: int = 900) -> bytes:
        """Answers a certificate request as an authority does; returns the certificate as PEM."""
        assert request.is_signature_valid
        key = request.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self.issuing.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - timedelta(days=1))
            .not_valid_after(self.now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(_usage(signature=True, authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        )
        made = _sign(builder, self.issuing)
        return Issued(made, self.issuing.key, (self.issuing.certificate,)).pem


def oces3_subject(cvr: str = CVR) -> list[x509.NameAttribute[str]]:
    return [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DK"),
        x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, f"NTRDK-{cvr}"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Testvirksomhed ApS"),
        x509.NameAttribute(NameOID.SERIAL_NUMBER, f"UI:DK-O:G:{uuid.uuid4()}"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Testvirksomhed ApS - uddata"),
    ]


def oces2_subject(cvr: str = CVR) -> list[x509.NameAttribute[str]]:
    return [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DK"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"Testvirksomhed ApS // CVR:{cvr}"),
        x509.NameAttribute(NameOID.SERIAL_NUMBER, f"CVR:{cvr}-UID:1234567890"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Testvirksomhed ApS"),
    ]


def make_oces(now: datetime, *, issuing_days: int = 2000) -> Oces:
    """Makes a root and an issuing authority below it."""
    start = now - timedelta(days=2000)
    root_name = _authority_name("Den Danske Stat OCES rod-CA")
    root_key, issuing_key = _key(), _key()
    builder = _builder(root_name, root_name, root_key, start, now + timedelta(days=4000), True)
    root = Issued(
        _sign_by(builder.add_extension(_usage(signature=False, authority=True), critical=True), root_key),
        root_key,
    )
    name = _authority_name("Den Danske Stat OCES udstedende-CA 1")
    below = _builder(name, root_name, issuing_key, start, now + timedelta(days=issuing_days), True)
    issuing = Issued(
        _sign(below.add_extension(_usage(signature=False, authority=True), critical=True), root), issuing_key
    )
    return Oces(root, issuing, now)


@pytest.fixture(scope="session")
def oces() -> Oces:
    """An authority valid by the machine's clock, made once for a run."""
    return make_oces(datetime.now(UTC))


def _few_keys(n: int = 8) -> Iterator[rsa.RSAPrivateKey]:
    """Yields keys for senders, the same few over and over: making one costs more than all else here."""
    made: list[rsa.RSAPrivateKey] = []
    for number in count():
        if number < n:
            made.append(_key())
        yield made[number % n]


_SENDERS = _few_keys()


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _authority_name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DK"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Den Danske Stat"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{common_name} (prøve)"),
        ]
    )


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPrivateKey,
    from_at: datetime,
    until_at: datetime,
    authority: bool,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(from_at)
        .not_valid_after(until_at)
        .add_extension(
            x509.BasicConstraints(authority, (1 if name == issuer else 0) if authority else None),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign(builder: x509.CertificateBuilder, signer: Issued) -> x509.Certificate:
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    return _sign_by(builder.add_extension(above, critical=False), signer.key)


def _sign_by(builder: x509.CertificateBuilder, key: rsa.RSAPrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA512(), rsa_padding=_PSS)


def _usage(*, signature: bool, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signature and not authority,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
