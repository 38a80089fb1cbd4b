"""Finds the certificate for an address: pins first, then the other sources in their order.

Relies on cryptography for reading PEM, DER and PKCS#7 files, and on `judging` for the choice. A pinned
address uses its pins and nothing else: a pin says "this one and no other", and a directory must not get
round it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from routing.certificates.judging import Judge
from routing.certificates.uses import addresses_in
from routing.certificates.verdicts import Verdict
from routing.mime.addresses import MailAddress
from schemas.errors import BadInput

MAX_FILE_BYTES = 4 * 1024 * 1024
SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".p7b", ".p7c"})


class CertificateSource(Protocol):
    """A place where certificates of people are found."""

    name: str

    async def find(self, address: MailAddress) -> Sequence[x509.Certificate]:
        """Returns all certificates for an address, good or not; raises Transient when it can't say now."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The certificate to use and where it came from; without one, why each that was found is refused."""

    chosen: Verdict | None
    source: str
    refused: tuple[tuple[str, Verdict], ...]


class Pins:
    """Certificates fixed in the settings, for an address or for a whole domain."""

    name = "pins"

    def __init__(self, pins: Mapping[str, Sequence[x509.Certificate]]) -> None:
        """`pins` has lower-case addresses or domains in A-labels as keys."""
        self._pins = dict(pins)

    async def find(self, address: MailAddress) -> Sequence[x509.Certificate]:
        return self._pins.get(address.spec.lower()) or self._pins.get(address.domain, ())


class LocalStore:
    """A folder of certificate files, read once; `n_unreadable` counts the files that are none."""

    name = "store"

    def __init__(self, folder: Path) -> None:
        self._by_mailbox: dict[str, list[x509.Certificate]] = {}
        self.n_unreadable = 0
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                self._take(path)

    async def find(self, address: MailAddress) -> Sequence[x509.Certificate]:
        return self._by_mailbox.get(address.spec.lower(), ())

    def _take(self, path: Path) -> None:
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise BadInput("certificate.file_unreadable")
            certificates = read_certificates(path.read_bytes())
        except (OSError, BadInput):
            self.n_unreadable += 1
            return
        for certificate in certificates:
            for mailbox in {one.spec.lower() for one in _named(certificate)}:
                self._by_mailbox.setdefault(mailbox, []).append(certificate)


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
        except ValueError:
            continue
    raise BadInput("certificate.file_unreadable")


async def choose(
    address: MailAddress, pins: CertificateSource, sources: Iterable[CertificateSource], judge: Judge
) -> Choice:
    """Returns the first usable certificate, the newest first within a source.

    A pin binds its certificate to the address, so a pinned one need not name it.
    """
    if pinned := await pins.find(address):
        return await _best(pins.name, pinned, None, judge, ())
    refused: tuple[tuple[str, Verdict], ...] = ()
    for source in sources:
        choice = await _best(source.name, await source.find(address), address, judge, refused)
        if choice.chosen is not None:
            return choice
        refused = choice.refused
    return Choice(None, "", refused)


async def _best(
    name: str,
    found: Sequence[x509.Certificate],
    address: MailAddress | None,
    judge: Judge,
    before: tuple[tuple[str, Verdict], ...],
) -> Choice:
    refused = list(before)
    for certificate in sorted(found, key=lambda one: one.not_valid_before_utc, reverse=True):
        verdict = await judge.judge(certificate, address)
        if verdict.usable:
            return Choice(verdict, name, tuple(refused))
        refused.append((name, verdict))
    return Choice(None, name, tuple(refused))


def _named(certificate: x509.Certificate) -> Iterator[MailAddress]:
    try:
        yield from addresses_in(certificate)
    except ValueError:  # an extension that can't be read
        return
