"""Keeps revocation lists and OCSP answers until they run out, and a grace period beyond.

Relies on a folder for what was fetched, so that a new process does not ask again, and on a `Fetch` passed
in. What is kept is signed and checked anew each time: see `chains`. One question at a time for each place;
a place that does not answer is left alone for a minute.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from routing.certificates.chains import Evidence
from routing.certificates.fetching import Fetch
from routing.cms.damage import DAMAGED

RETRY = timedelta(minutes=1)
MAX_AGE = timedelta(hours=12)
"""A list may hold for weeks; it is asked for again by then all the same."""
_UNREADABLE: tuple[type[Exception], ...] = (OSError, *DAMAGED)
_NOT_THERE: tuple[type[Exception], ...] = (x509.ExtensionNotFound, *DAMAGED)
_WITHOUT_END = timedelta(hours=1)
_CLOCKS_APART = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Place:
    """Where to ask about one certificate: a list's address, or an OCSP responder's with the request."""

    url: str
    request: bytes | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        return sha256(self.url.encode() + b"\0" + (self.request or b"")).hexdigest()


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is known about a chain: the evidence, whether any of it is past its end, whether all was
    declared."""

    evidence: Evidence
    past_its_end: bool
    declared: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """A list or an answer, when it was fetched, and from when until when it holds."""

    body: bytes = field(repr=False)
    fetched_at: datetime
    since: datetime
    until: datetime


class Revocation:
    """Gathers what is known about the links of a chain.

    `folder` keeps what was fetched, None keeps it in memory alone. `grace` is how long after its end a list
    is still good enough when no newer one can be had.
    """

    def __init__(
        self,
        fetch: Fetch,
        now: Callable[[], datetime],
        folder: Path | None = None,
        grace: timedelta = timedelta(),
    ) -> None:
        self._fetch, self._now, self._folder, self._grace = fetch, now, folder, grace
        self._kept: dict[str, _Kept] = {}
        self._failed_at: dict[str, datetime] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def gather(self, chain: tuple[x509.Certificate, ...], *, every: bool = False) -> Gathered:
        """Returns the evidence for every link below the root; what can't be had is left out.

        A link's first place that says anything is enough, unless `every` one is to be asked.
        """
        lists, answers = list[bytes](), list[bytes]()
        past_its_end, declared = False, True
        for certificate, issuer in pairwise(chain):
            places = list(_places(certificate, issuer))
            declared = declared and bool(places)
            for place in places:
                kept = await self._ask(place)
                if kept is not None:
                    (lists if place.request is None else answers).append(kept.body)
                    past_its_end = past_its_end or self._now() > kept.until
                    if not every:
                        break
        return Gathered(Evidence(lists, answers), past_its_end, declared)

    async def _ask(self, place: Place) -> _Kept | None:
        """Returns what a place says: as kept, anew, or at last what has run out within the grace period."""
        async with self._locks.setdefault(place.key, asyncio.Lock()):
            kept, now = self._recalled(place), self._now()
            if kept is not None and now <= min(kept.until, kept.fetched_at + MAX_AGE):
                return kept
            if now - self._failed_at.get(place.key, now - 2 * RETRY) > RETRY:
                # Whoever is on the way may hand out an old list again: the younger one counts.
                kept = max(filter(None, (kept, await self._fetched(place))), key=_since, default=None)
            return kept if kept is not None and now <= kept.until + self._grace else None

    async def _fetched(self, place: Place) -> _Kept | None:
        try:
            kept = _read(place, await self._fetch(place.url, place.request), self._now())
        except _UNREADABLE:
            self._failed_at[place.key] = self._now()
            return None
        if kept.since > self._now() + _CLOCKS_APART:
            return None
        earlier = self._kept.get(place.key)
        if earlier is None or kept.since >= earlier.since:
            self._remember(place, kept)
        return kept

    def _recalled(self, place: Place) -> _Kept | None:
        if place.key not in self._kept and self._folder is not None:
            path = self._folder / place.key
            try:
                fetched_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                self._kept[place.key] = _read(place, path.read_bytes(), fetched_at)
            except _UNREADABLE:
                return None
        return self._kept.get(place.key)

    def _remember(self, place: Place, kept: _Kept) -> None:
        self._kept[place.key] = kept
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._folder / f".{place.key}-{os.urandom(4).hex()}"
            draft.write_bytes(kept.body)
            os.utime(draft, (kept.fetched_at.timestamp(), kept.fetched_at.timestamp()))
            draft.replace(self._folder / place.key)
        except OSError:
            return  # a full disk costs a question more next time, nothing else


def _places(certificate: x509.Certificate, issuer: x509.Certificate) -> Iterator[Place]:
    """Yields where to ask about a certificate, OCSP first: an answer is smaller and younger than a list."""
    for url in _responders(certificate):
        request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()
        yield Place(url, request.public_bytes(Encoding.DER))
    for url in _list_urls(certificate):
        yield Place(url)


def _responders(certificate: x509.Certificate) -> Iterator[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except _NOT_THERE:
        return
    for one in access:
        if one.access_method == AuthorityInformationAccessOID.OCSP:
            yield from _http(one.access_location)


def _list_urls(certificate: x509.Certificate) -> Iterator[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except _NOT_THERE:
        return
    for point in points:
        for name in point.full_name or ():
            yield from _http(name)


def _http(name: x509.GeneralName) -> Iterator[str]:
    if isinstance(name, x509.UniformResourceIdentifier) and name.value.startswith(("http://", "https://")):
        yield name.value


def _read(place: Place, body: bytes, fetched_at: datetime) -> _Kept:
    """Returns a list or an answer with its times; ValueError when it is neither or says nothing."""
    if place.request is None:
        one = x509.load_der_x509_crl(body)
        return _Kept(body, fetched_at, one.last_update_utc, _end(one.last_update_utc, one.next_update_utc))
    answer = ocsp.load_der_ocsp_response(body)
    since, until = answer.this_update_utc, answer.next_update_utc  # ValueError when it was not successful
    return _Kept(body, fetched_at, since, _end(since, until))


def _since(kept: _Kept) -> datetime:
    return kept.since


def _end(since: datetime, until: datetime | None) -> datetime:
    return until if until is not None else since + _WITHOUT_END
