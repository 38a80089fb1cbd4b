"""The certificates made for a simulator: subjects, purposes, validity and the modes of the files."""

from __future__ import annotations

import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from eboks.simulator.certificates import CertificateFolder, fingerprint, make_certificates
from tests.rigs.components import require_component

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> CertificateFolder:
    return make_certificates(tmp_path_factory.mktemp("made") / "new", NOW, cvr="28541074")


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_key_files_are_the_owners_alone(made: CertificateFolder):
    keys = list(made.folder.glob("*.key"))
    assert len(keys) == 11
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700


def test_a_sender_has_its_cvr_in_an_oces3_subject(made: CertificateFolder):
    certificate = read(made.client().certificate)
    subject = {one.oid: one.value for one in certificate.subject}
    assert subject[NameOID.ORGANIZATION_IDENTIFIER] == "NTRDK-28541074"
    assert str(subject[NameOID.SERIAL_NUMBER]).startswith("UI:DK-O:G:")
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert fingerprint(certificate) == made.fingerprints["good"]


def test_the_expired_ones_have_expired_and_the_others_hold(made: CertificateFolder):
    assert read(made.client("expired").certificate).not_valid_after_utc < NOW
    assert read(made.server("expired").certificate).not_valid_after_utc < NOW
    for path in (made.client().certificate, made.server().certificate, made.server_ca):
        assert read(path).not_valid_before_utc < NOW < read(path).not_valid_after_utc - timedelta(days=1000)


def test_openssl_finds_each_certificate_as_good_or_bad_as_it_is_named(made: CertificateFolder):
    require_component("openssl", _found(), "apt-get install openssl")
    server, client = ["-CAfile", str(made.server_ca)], ["-CAfile", str(made.folder / "client-ca.pem")]
    host, address = ["-verify_hostname", "localhost"], ["-verify_ip", "127.0.0.1"]
    as_server, as_client = ["-purpose", "sslserver"], ["-purpose", "sslclient"]
    assert _verified([*server, *host, *as_server, str(made.server().certificate)])
    assert _verified([*server, *address, *as_server, str(made.server().certificate)])
    assert not _verified([*server, *host, str(made.server("expired").certificate)])
    assert not _verified([*server, *host, str(made.server("wrong_host").certificate)])
    assert _verified([*server, str(made.server("wrong_host").certificate)])
    assert not _verified([*server, *host, str(made.server("unknown_ca").certificate)])
    assert _verified([*client, *as_client, str(made.client().certificate)])
    assert _verified([*client, *as_client, str(made.client("unlisted").certificate)])
    assert not _verified([*client, *as_client, str(made.client("expired").certificate)])
    assert not _verified([*client, *as_client, str(made.client("stranger").certificate)])
    assert not _verified([*client, *as_server, str(made.client().certificate)])


def test_made_again_they_replace_the_older_ones(tmp_path: Path):
    first = make_certificates(tmp_path, NOW).fingerprints["good"]
    second = make_certificates(tmp_path, NOW)
    assert second.fingerprints["good"] != first
    assert fingerprint(read(second.client().certificate)) == second.fingerprints["good"]


def _found() -> bool:
    return subprocess.run(["which", "openssl"], capture_output=True, check=False).returncode == 0


def _verified(arguments: list[str]) -> bool:
    command = ["openssl", "verify", "-x509_strict", *arguments]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
