"""Reads certificate files: one or many, as PEM, DER or PKCS#7; the roots we trust; the pins of the settings.

Relies on cryptography. A file that can't be read is a fault of ours and names itself. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from routing.certificates.chains import Trust
from routing.cms.damage import DAMAGED
from routing.mime.addresses import parse_address, parse_domain
from schemas.errors import BadInput, ConfigurationError

MAX_FILE_BYTES = 4 * 1024 * 1024
SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".p7b", ".p7c"})


def read_certificates(content: bytes) -> list[x509.Certificate]:
    """Returns the certificates of a file: PEM, DER or PKCS#7, one or many.

    Raises BadInput `certificate.file_unreadable` when it is none of these or holds none.
    """
    readers = (
        (x509.load_pem_x509_certificates, pkcs7.load_pem_pkcs7_certificates)
        if b"-----BEGIN" in content
        else (lambda der: [x509.load_der_x509_certificate(der)], pkcs7.load_der_pkcs7_certificates)
    )
    for read in readers:
        try:
            if found := read(content):
                return found
        except DAMAGED:
            continue
    raise BadInput("certificate.file_unreadable")


def read_file(path: Path) -> list[x509.Certificate]:
    """Returns the certificates of a file of at most `MAX_FILE_BYTES`; BadInput `certificate.file_unreadable`
    also when it can't be opened."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadInput("certificate.file_unreadable")
        return read_certificates(path.read_bytes())
    except OSError:
        raise BadInput("certificate.file_unreadable") from None


def certificate_files(folder: Path) -> list[Path]:
    """Returns the files of a folder that should hold certificates, by name; none when there is no folder."""
    if not folder.is_dir():
        return []
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]


def load_trust(place: Path | None) -> Trust:
    """Returns whom we trust: `place` is a file, or a folder of files.

    A certificate that its own subject issued is a root; any other may stand between a root and a person, and
    is not trusted by itself. Raises ConfigurationError `certificate.roots_missing` (none is named, or there
    is none in it) or `certificate.roots_unreadable`, with the file.
    """
    if place is None:
        raise ConfigurationError("certificate.roots_missing")
    found = [one for path in _files_at(place) for one in _ours(path, "certificate.roots_unreadable")]
    roots = tuple(one for one in found if one.issuer == one.subject)
    if not roots:
        raise ConfigurationError("certificate.roots_missing")
    return Trust(roots, tuple(one for one in found if one.issuer != one.subject))


def load_pins(pins: Mapping[str, Path]) -> dict[str, Sequence[x509.Certificate]]:
    """Returns the pinned certificates by address or domain, as `sources.Pins` wants them.

    Raises ConfigurationError `certificate.pin_unfit` for a key that is neither, `certificate.pin_unreadable`
    with the file.
    """
    return {_pin_key(key): _ours(path, "certificate.pin_unreadable") for key, path in pins.items()}


def _pin_key(key: str) -> str:
    try:
        return parse_address(key).spec.lower() if "@" in key else parse_domain(key)
    except BadInput:
        raise ConfigurationError("certificate.pin_unfit") from None


def _files_at(place: Path) -> Iterable[Path]:
    return certificate_files(place) if place.is_dir() else (place,)


def _ours(path: Path, code: str) -> list[x509.Certificate]:
    try:
        return read_file(path)
    except BadInput:
        raise ConfigurationError(code, file=path.name) from None
