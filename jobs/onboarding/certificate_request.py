"""Makes a key and the request that an OCES authority makes a sender's certificate from.

Relies on cryptography. The key never leaves its folder and its file has mode 0600 from the first moment. The
authority decides what the certificate finally says: the request names the sender and the use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jobs.onboarding.certificates import PrivateKey, read_file, read_key
from jobs.onboarding.private_files import make_private_folder, write_private
from schemas.errors import ConfigurationError

KEY_FILE, REQUEST_FILE = "key.pem", "request.pem"
KeyBits = Literal[3072, 2048]
CertificateKind = Literal["organisation", "system"]


def make_request(
    folder: Path, cvr: str, name: str, common_name: str, bits: KeyBits = 3072, password: str = ""
) -> Path:
    """Makes a key and a request in `folder` and returns the request's path.

    The subject has OCES3's form: country, `NTRDK-<CVR>`, organisation, common name. With a password the key
    lies encrypted until its certificate comes. Raises ConfigurationError `own_certificate.request_exists`
    when a key lies there already: a certificate may be on its way for it.
    """
    if (folder / KEY_FILE).exists():
        raise ConfigurationError("own_certificate.request_exists", folder=folder.name)
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    request = _request(key, cvr, name, common_name)
    make_private_folder(folder)
    write_private(folder / KEY_FILE, key_pem(key, password))
    write_private(folder / REQUEST_FILE, request.public_bytes(Encoding.PEM))
    return folder / REQUEST_FILE


def read_request_key(folder: Path, password: str = "") -> PrivateKey | None:
    """Returns the key that waits for its certificate; None when there is none. Raises as `read_key`."""
    path = folder / KEY_FILE
    return read_key(read_file(path), password) if path.exists() else None


def key_pem(key: PrivateKey, password: str = "") -> bytes:
    """Returns a key as PKCS#8 PEM, encrypted when a password is given."""
    lock: KeySerializationEncryption = (
        BestAvailableEncryption(password.encode()) if password else NoEncryption()
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def _request(key: rsa.RSAPrivateKey, cvr: str, name: str, common_name: str) -> x509.CertificateSigningRequest:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DK"),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, f"NTRDK-{cvr}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
