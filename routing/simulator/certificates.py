"""Makes certificates and keys for the simulator: authorities, mail servers, recipients, and the sender's own.

Relies on cryptography. People and organisations get RSA-2048, as OCES3 does; servers P-256. They are for
rehearsals on this machine only: real ones come from an authority and are never made here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from routing.simulator.sites import SITES, Site

ROOTS, SERVER_ROOTS = "roots.pem", "server-roots.pem"
OURS, OUR_KEY = "ours.pem", "ours.key"
PUBLISHED, KEYS, GATEWAYS = "published", "keys", "gateways"
_YEARS_VALID = timedelta(days=3 * 365)
_BACKDATED = timedelta(hours=1)

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class _Issued:
    certificate: x509.Certificate
    key: _Key = field(repr=False)


class _Issuer:
    """An authority and the time its certificates begin."""

    def __init__(self, name: str, now: datetime) -> None:
        self._from_at = now - _BACKDATED
        key = ec.generate_private_key(ec.SECP256R1())
        self._own = self._sign(name, key, None, [])

    @property
    def pem(self) -> bytes:
        return self._own.certificate.public_bytes(Encoding.PEM)

    def server(self, host: str) -> _Issued:
        """Returns a mail server's certificate."""
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        return self._sign(host, ec.generate_private_key(ec.SECP256R1()), self._own, [names, use])

    def mail(self, name: str, *names: x509.GeneralName) -> _Issued:
        """Returns a certificate for signing and encrypting mail."""
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        key = rsa.generate_private_key(65537, 2048)
        return self._sign(name, key, self._own, [x509.SubjectAlternativeName(names), use])

    def _sign(
        self, name: str, key: _Key, by: _Issued | None, extensions: Sequence[x509.ExtensionType]
    ) -> _Issued:
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "DK"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Brevdue simulator"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(by.certificate.subject if by else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._from_at)
            .not_valid_after(self._from_at + _YEARS_VALID)
            .add_extension(x509.BasicConstraints(by is None, 0 if by is None else None), critical=True)
            .add_extension(_usage(by is None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return _Issued(builder.sign(by.key if by else key, hashes.SHA256()), key)


def make_mail_certificates(folder: Path, sender: str, now: datetime) -> None:
    """Writes everything into `folder` (mode 0700): the simulator's side, and ours as `ours.pem`, `ours.key`.

    `sender` is the address that mails are from.
    """
    for one in (folder, folder / PUBLISHED, folder / KEYS, folder / GATEWAYS):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    people, servers = _Issuer("Mail CA", now), _Issuer("Mail server CA", now)
    write(folder / ROOTS, people.pem)
    write(folder / SERVER_ROOTS, servers.pem)
    _keep(people.mail(f"Afsender {sender.rpartition('@')[2]}", x509.RFC822Name(sender)), folder / OURS)
    for site in SITES:
        _make_site(folder, site, people, servers)


def _make_site(folder: Path, site: Site, people: _Issuer, servers: _Issuer) -> None:
    if site.starttls and site.shows == site.mx:
        _keep(servers.server(site.mx), folder / KEYS / f"{site.mx}.pem")
    for local in site.people:
        address = f"{local}@{site.domain}"
        made = people.mail(address, x509.RFC822Name(address))
        _keep(made, folder / KEYS / f"{address}.pem")
        write(folder / PUBLISHED / f"{address}.pem", made.certificate.public_bytes(Encoding.PEM))
    if site.gateway:
        made = people.mail(f"Gateway {site.domain}", x509.DNSName(site.domain))
        _keep(made, folder / KEYS / f"{site.domain}.pem")
        write(folder / GATEWAYS / f"{site.domain}.pem", made.certificate.public_bytes(Encoding.PEM))


def _keep(issued: _Issued, path: Path) -> None:
    """Writes a certificate, and its key beside it."""
    key = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write(path.with_suffix(".key"), key, 0o600)
    write(path, issued.certificate.public_bytes(Encoding.PEM))


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Writes a file that has its mode from the first moment, replacing an older one."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)


def _usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=not is_authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
