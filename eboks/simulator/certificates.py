"""Makes certificates for a simulator and its callers: authorities, a server, and senders, good and bad.

Relies on cryptography. Keys are P-256 and key files have mode 0600. These certificates are for loopback
only: real ones come from an OCES authority and are never made here.
"""

from __future__ import annotations

import ipaddress
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from eboks.simulator.settings import ServerTls

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ServerKind = Literal["good", "expired", "wrong_host", "unknown_ca"]
ClientKind = Literal["good", "other_system", "unlisted", "expired", "stranger"]
PartnerKind = Literal["good", "other"]
"""Who signs the SOAP service's answers: e-Boks as the client knows it, or somebody else."""

_YEARS_VALID = timedelta(days=3 * 365)
_BACKDATED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and a key as files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when a certificate holds."""

    from_at: datetime
    until_at: datetime

    @classmethod
    def around(cls, now: datetime) -> Validity:
        """Valid from an hour ago for three years, as OCES certificates are."""
        return cls(now - _BACKDATED, now + _YEARS_VALID)

    @classmethod
    def over(cls, now: datetime) -> Validity:
        """Valid until yesterday."""
        return cls(now - timedelta(days=30), now - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class CertificateFolder:
    """A full set on disk: what a server and its callers need, and each thing that can be wrong with it."""

    folder: Path
    fingerprints: dict[ClientKind, str]

    @property
    def server_ca(self) -> Path:
        """The authority a client trusts the server by."""
        return self.folder / "server-ca.pem"

    def server(self, kind: ServerKind = "good") -> ServerTls:
        """Returns the files of a server; every kind but `good` is one a client must refuse."""
        pair = _pair(self.folder, f"server-{kind}")
        return ServerTls(pair.certificate, pair.key, self.folder / "client-ca.pem")

    def client(self, kind: ClientKind = "good") -> KeyPair:
        """Returns a sender's files; `other_system` and `unlisted` are of the authority, `stranger` is not."""
        return _pair(self.folder, f"client-{kind}")

    def partner(self, kind: PartnerKind = "good") -> KeyPair:
        """Returns the files that SOAP answers are signed with."""
        return _pair(self.folder, f"partner-{kind}")

    def allowed(self, system_id: int, other_system_id: int) -> dict[str, tuple[int, ...]]:
        """Returns the settings' `certificates`: who may use which system id."""
        return {
            self.fingerprints["good"]: (system_id,),
            self.fingerprints["expired"]: (system_id,),
            self.fingerprints["other_system"]: (other_system_id,),
        }


def make_certificates(folder: Path, now: datetime, cvr: str = "13748136") -> CertificateFolder:
    """Writes a full set into `folder` (made when absent, mode 0700), replacing older files; returns it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    valid, over = Validity.around(now), Validity.over(now)
    server_ca, client_ca = make_authority("Server CA", valid), make_authority("Client CA", valid)
    strange_ca = make_authority("Unknown CA", valid)
    for stem, ca in (("server-ca", server_ca), ("client-ca", client_ca)):
        _write(folder / f"{stem}.pem", _pem(ca.certificate), 0o644)
    servers: dict[ServerKind, Identity] = {
        "good": issue_server(server_ca, valid),
        "expired": issue_server(server_ca, over),
        "wrong_host": issue_server(server_ca, valid, ["eboks.invalid"]),
        "unknown_ca": issue_server(strange_ca, valid),
    }
    clients: dict[ClientKind, Identity] = {
        "good": issue_client(client_ca, valid, cvr),
        "other_system": issue_client(client_ca, valid, cvr),
        "unlisted": issue_client(client_ca, valid, cvr),
        "expired": issue_client(client_ca, over, cvr),
        "stranger": issue_client(strange_ca, valid, cvr),
    }
    for partner in ("good", "other"):
        signer = issue_client(server_ca, valid, "25674154", "e-Boks")
        write_identity(signer, folder, f"partner-{partner}")
    for server_kind, identity in servers.items():
        write_identity(identity, folder, f"server-{server_kind}")
    for client_kind, identity in clients.items():
        write_identity(identity, folder, f"client-{client_kind}")
    return CertificateFolder(folder, {kind: fingerprint(one.certificate) for kind, one in clients.items()})


def make_authority(name: str, validity: Validity) -> Identity:
    """Returns a self-signed authority that may sign certificates and no further authorities."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DK"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Brevdue simulator {name}"),
        ]
    )
    return _issue(None, subject, validity, [], is_authority=True)


def issue_server(authority: Identity, validity: Validity, hosts: Sequence[str] = LOOPBACK) -> Identity:
    """Returns a server's certificate for these names and addresses."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    extensions: list[x509.ExtensionType] = [
        x509.SubjectAlternativeName([_general_name(host) for host in hosts]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ]
    return _issue(authority, subject, validity, extensions)


def issue_client(
    authority: Identity, validity: Validity, cvr: str, name: str = "Testvirksomhed ApS"
) -> Identity:
    """Returns a sender's certificate with an OCES3 subject: `NTRDK-<CVR>` and a `UI:DK-O:G:` serial."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DK"),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, f"NTRDK-{cvr}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"UI:DK-O:G:{uuid.uuid4()}"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{name} - simulator"),
        ]
    )
    return _issue(authority, subject, validity, [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])])


def fingerprint(certificate: x509.Certificate) -> str:
    """Returns the SHA-256 fingerprint in lower-case hex, as the settings' `certificates` want it."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def write_identity(identity: Identity, folder: Path, stem: str) -> KeyPair:
    """Writes `<stem>.pem` and `<stem>.key` (mode 0600, never readable by others even for a moment)."""
    pair = _pair(folder, stem)
    key = identity.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(pair.key, key, 0o600)
    _write(pair.certificate, _pem(identity.certificate), 0o644)
    return pair


def _issue(
    authority: Identity | None,
    subject: x509.Name,
    validity: Validity,
    extensions: Sequence[x509.ExtensionType],
    *,
    is_authority: bool = False,
) -> Identity:
    """Signs a certificate by `authority`, or by its own key when there is none."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = authority.key if authority else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.from_at)
        .not_valid_after(validity.until_at)
        .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), critical=True)
        .add_extension(_usage(is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return Identity(builder.sign(signer, hashes.SHA256()), key)


def _usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pair(folder: Path, stem: str) -> KeyPair:
    return KeyPair(folder / f"{stem}.pem", folder / f"{stem}.key")


def _write(path: Path, content: bytes, mode: int) -> None:
    """Writes a file that has its mode from the first moment, replacing an older one."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
