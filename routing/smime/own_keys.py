"""Our own certificates and keys on disk: the present one, and former ones that still open what comes in.

Relies on `routing.cms.keys` for reading. A key that others may read is not used at all. Keeps no key: whoever
needs one often keeps the object, for loading it takes 47 ms (facts/secure-mail 1.2).
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509

from routing.certificates.uses import first_fault
from routing.certificates.verdicts import Purpose
from routing.cms.damage import DAMAGED
from routing.cms.keys import CertificateId, Identity, load_identity
from routing.mime.addresses import MailAddress
from schemas.errors import ConfigurationError

WARNING_DAYS = (60, 30, 14, 7)
"""From so many days left on a person is told, more urgently each time."""
_UNREADABLE: tuple[type[Exception], ...] = (OSError, *DAMAGED)
_SUFFIXES = frozenset({".pem", ".crt", ".cer"})


class OwnCertificate:
    """Our certificate without its key, read again when the file has changed: it may be renewed meanwhile."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._look: object = None
        self._kept: CertificateId | None = None

    def current(self, now: datetime) -> CertificateId:
        """Returns it; raises ConfigurationError as `load_own` and `refuse_unfit`."""
        if self._path is None:
            raise ConfigurationError("certificate.ours_missing")
        look = look_at(self._path)
        if self._kept is None or look != self._look:
            self._kept, self._look = _certificate(self._path), look
        _refuse_unfit(self._kept.certificate, now)
        return self._kept


def load_own(certificate: Path | None, key: Path | None) -> Identity:
    """Returns an identity of ours; `certificate` holds our certificate first and then its authorities.

    Raises ConfigurationError `certificate.ours_missing` (none is named), `certificate.key_open_to_others`, or
    as `load_identity`.
    """
    if certificate is None or key is None:
        raise ConfigurationError("certificate.ours_missing")
    refuse_open_key(key)
    return load_identity(
        _content(certificate, "certificate.ours_unreadable"), _content(key, "certificate.key_unreadable")
    )


def load_former(folder: Path | None) -> Iterator[Identity]:
    """Yields the former identities of a folder, for opening: each is a certificate file (`.pem`, `.crt`,
    `.cer`) whose key stands in it or beside it under the same name with `.key`. Raises as `load_own`."""
    for path in sorted(folder.iterdir()) if folder is not None and folder.is_dir() else ():
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith("."):
            beside = path.with_suffix(".key")
            yield load_own(path, beside if beside.exists() else path)


def refuse_open_key(key: Path) -> None:
    """Raises ConfigurationError `certificate.key_open_to_others` when group or others may touch the file."""
    try:
        mode = stat.S_IMODE(key.stat().st_mode)
    except OSError:
        raise ConfigurationError("certificate.key_unreadable") from None
    if mode & 0o077:
        raise ConfigurationError("certificate.key_open_to_others", mode=f"{mode:04o}")


def refuse_unfit(ours: Identity, now: datetime) -> None:
    """Raises ConfigurationError `certificate.ours_expired`, `certificate.ours_not_yet_valid` or
    `certificate.ours_unfit` (not for signing mail)."""
    _refuse_unfit(ours.id.certificate, now)


def _refuse_unfit(certificate: x509.Certificate, now: datetime) -> None:
    fault = first_fault(certificate, Purpose.SIGN, None, now)
    if fault is None:
        return
    codes = {
        "certificate.expired": "certificate.ours_expired",
        "certificate.not_yet_valid": "certificate.ours_not_yet_valid",
    }
    raise ConfigurationError(codes.get(fault.code, "certificate.ours_unfit"), **fault.params)


def findings_about(
    ours: Identity, sender: MailAddress, now: datetime
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yields what will need a person: the last days of our certificate, and an address that is not in it."""
    days = (ours.id.certificate.not_valid_after_utc - now).days
    level = next((level for level in reversed(WARNING_DAYS) if days <= level), None)
    if level is not None:
        yield "certificate.ours_expires_soon", {"days": days, "level": level}
    if first_fault(ours.id.certificate, Purpose.SIGN, sender, now) is not None:
        yield "certificate.ours_other_address", {}


def look_at(path: Path | None) -> object:
    """Returns what tells whether a file is still the same one."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found else None


def _certificate(path: Path) -> CertificateId:
    try:
        return CertificateId(x509.load_pem_x509_certificates(path.read_bytes())[0])
    except _UNREADABLE:
        raise ConfigurationError("certificate.ours_unreadable") from None


def _content(path: Path, code: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise ConfigurationError(code) from None
