"""Finds the certificate for an address: pins first, then the other sources in their order.

Relies on `files` for reading and on `judging` for the choice. A pinned address uses its pins and nothing
else: a pin says "this one and no other", and a directory must not get round it. A source that does not answer
is remembered: nobody may take its silence for "there is none".
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from routing.certificates.files import certificate_files, read_file
from routing.certificates.judging import Judge
from routing.certificates.uses import addresses_in, is_authority
from routing.certificates.verdicts import Verdict
from routing.cms.damage import DAMAGED
from routing.cms.keys import CertificateId
from routing.mime.addresses import MailAddress
from routing.private_files import write_private
from schemas.errors import BadInput, ConfigurationError, Transient, Unreachable

LOOK_SECONDS = 1.0
"""How long a file written over in place may go unseen; one that comes or goes is seen at once."""


class CertificateSource(Protocol):
    """A place where certificates of people are found."""

    name: str

    async def find(self, address: MailAddress) -> Sequence[x509.Certificate]:
        """Returns all certificates for an address, good or not, and authorities that came with them.

        Raises Transient when it can't say now, Unreachable when what it said can't be relied on.
        """


@dataclass(frozen=True, slots=True)
class Remark:
    """What a source said instead of giving certificates."""

    source: str
    error: Transient | Unreachable

    @property
    def silent(self) -> bool:
        """Whether it could not say anything now, so that nothing is known."""
        return isinstance(self.error, Transient)


@dataclass(frozen=True, slots=True)
class Choice:
    """The certificate to use and where it came from; without one, why each that was found is refused."""

    chosen: Verdict | None
    source: str
    refused: tuple[tuple[str, Verdict], ...]
    remarks: tuple[Remark, ...] = ()


class Pins:
    """Certificates fixed in the settings, for an address or for a whole domain."""

    name = "pins"

    def __init__(self, pins: Mapping[str, Sequence[x509.Certificate]]) -> None:
        """`pins` has lower-case addresses or domains in A-labels as keys."""
        self._pins = dict(pins)

    async def find(self, address: MailAddress) -> Sequence[x509.Certificate]:
        return self._pins.get(address.spec.lower()) or self._pins.get(address.domain, ())


class LocalStore:
    """A folder of certificate files, read again when a file has come, gone or been replaced.

    `n_unreadable` counts the files that are none.
    """

    name = "store"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._look: tuple[tuple[str, int, int], ...] | None = None
        self._folder_look, self._looked_at = _look_at(folder), -LOOK_SECONDS
        self._by_mailbox: dict[str, list[x509.Certificate]] = {}
        self._by_fingerprint: dict[str, x509.Certificate] = {}
        self.n_unreadable = 0
        self.refresh()

    async def find(self, address: MailAddress) -> Sequence[x509.Certificate]:
        self.refresh()
        return self._by_mailbox.get(address.spec.lower(), ())

    def by_fingerprint(self, fingerprint: str) -> x509.Certificate | None:
        """Returns the certificate with this SHA-256 in lower-case hex."""
        self.refresh()
        return self._by_fingerprint.get(fingerprint)

    def put(self, certificate: x509.Certificate) -> bool:
        """Keeps a certificate as a file named by its SHA-256; False when it is there already.

        Raises ConfigurationError `certificate.store_not_writable`.
        """
        fingerprint = CertificateId(certificate).fingerprint
        if self.by_fingerprint(fingerprint) is not None:
            return False
        try:
            write_private(self._folder / f"{fingerprint}.pem", certificate.public_bytes(Encoding.PEM))
        except OSError:
            raise ConfigurationError("certificate.store_not_writable") from None
        return True

    def refresh(self) -> None:
        """Reads the folder again when it has changed: what an operator took away must not be used."""
        folder_look, at = _look_at(self._folder), time.monotonic()
        if folder_look == self._folder_look and at - self._looked_at < LOOK_SECONDS:
            return
        self._folder_look, self._looked_at = folder_look, at
        files = certificate_files(self._folder)
        look = tuple(_look_at(path) for path in files)
        if look != self._look:
            self._look = look
            self._read(files)

    def _read(self, files: Sequence[Path]) -> None:
        self.n_unreadable = 0
        self._by_mailbox, self._by_fingerprint = {}, {}
        for path in files:
            self._take(path)

    def _take(self, path: Path) -> None:
        try:
            certificates = read_file(path)
        except BadInput:
            self.n_unreadable += 1
            return
        for certificate in certificates:
            self._by_fingerprint[CertificateId(certificate).fingerprint] = certificate
            for mailbox in {one.spec.lower() for one in _named(certificate)}:
                self._by_mailbox.setdefault(mailbox, []).append(certificate)


async def choose(
    address: MailAddress, pins: CertificateSource, sources: Iterable[CertificateSource], judge: Judge
) -> Choice:
    """Returns the first usable certificate, the newest first within a source.

    A pin binds its certificate to the address, so a pinned one need not name it. A source that is silent does
    not keep the next ones from being asked.
    """
    if pinned := await pins.find(address):
        return await _best(pins.name, pinned, None, judge, Choice(None, "", ()))
    choice = Choice(None, "", ())
    for source in sources:
        try:
            found = await source.find(address)
        except (Transient, Unreachable) as error:
            choice = replace(choice, remarks=(*choice.remarks, Remark(source.name, error)))
            continue
        choice = await _best(source.name, found, address, judge, choice)
        if choice.chosen is not None:
            break
    return choice


async def _best(
    name: str,
    found: Sequence[x509.Certificate],
    address: MailAddress | None,
    judge: Judge,
    before: Choice,
) -> Choice:
    refused = list(before.refused)
    authorities = [one for one in found if is_authority(one)]
    people = [one for one in found if not is_authority(one)]
    for certificate in sorted(people, key=lambda one: one.not_valid_before_utc, reverse=True):
        verdict = await judge.judge(certificate, address, others=authorities)
        if verdict.usable:
            return replace(before, chosen=verdict, source=name, refused=tuple(refused))
        refused.append((name, verdict))
    return replace(before, refused=tuple(refused))


def _look_at(path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return path.name, 0, 0
    return path.name, stat.st_mtime_ns, stat.st_size


def _named(certificate: x509.Certificate) -> Iterator[MailAddress]:
    try:
        yield from addresses_in(certificate)
    except DAMAGED:  # an extension that can't be read
        return
