"""Remembers for minutes what sources and judges said, so that a batch asks once about each recipient.

Relies on a clock that is passed in. Keeps nothing on disk. What a source could not say is kept for seconds
only: long enough that a directory which is down is not waited for by everybody in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509

from routing.certificates.chains import UNKNOWN, Trust
from routing.certificates.judging import Judge, RevocationRule
from routing.certificates.revocation import Revocation
from routing.certificates.sources import CertificateSource
from routing.certificates.verdicts import Purpose, Verdict
from routing.cms.keys import CertificateId
from routing.mime.addresses import MailAddress
from schemas.errors import Transient, Unreachable

MOST = 20_000
SILENCE_SECONDS = 20.0


class Memory:
    """Answers by key, each until its time; the oldest go first when there are too many.

    Belongs to no event loop: it may outlive the channels that use it.
    """

    def __init__(self, now: Callable[[], datetime], seconds: float, most: int = MOST) -> None:
        self._now, self._seconds, self._most = now, seconds, most
        self._kept: dict[Hashable, tuple[datetime, Any]] = {}

    def recall(self, key: Hashable) -> Any:
        """Returns what was kept, None when there is nothing or its time is over."""
        until, value = self._kept.get(key, (None, None))
        return value if until is not None and self._now() < until else None

    def keep(self, key: Hashable, value: object, seconds: float | None = None) -> None:
        """Keeps an answer; `seconds` may only shorten its time."""
        lasts = self._seconds if seconds is None else min(seconds, self._seconds)
        self._kept.pop(key, None)
        self._kept[key] = (self._now() + timedelta(seconds=lasts), value)
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]


class RememberedSource:
    """A source whose answers are kept, yes, no and silence alike."""

    def __init__(self, source: CertificateSource, memory: Memory) -> None:
        self.name = source.name
        self._source, self._memory = source, memory

    async def find(self, address: MailAddress) -> Sequence[x509.Certificate]:
        """Returns what the source says, or said a short time ago; raises as it does."""
        key, silence = (self.name, address.spec.lower()), (self.name, "silent")
        kept = self._memory.recall(key)
        if kept is None:
            kept = self._memory.recall(silence)
        if kept is None:
            kept = await self._asked(address)
            if isinstance(kept, Transient):
                self._memory.keep(silence, kept, SILENCE_SECONDS)
            else:
                self._memory.keep(key, kept)
        if isinstance(kept, Transient | Unreachable):
            raise kept.with_traceback(None)
        found: tuple[x509.Certificate, ...] = kept
        return found

    async def _asked(self, address: MailAddress) -> tuple[x509.Certificate, ...] | Transient | Unreachable:
        try:
            return tuple(await self._source.find(address))
        except (Transient, Unreachable) as error:
            return error


class RememberingJudge(Judge):
    """A judge that gives the same verdict again for minutes, unless the certificate has run out meanwhile.

    What it could not find out is asked again: the revocation's own memory keeps that cheap.
    """

    def __init__(
        self,
        trust: Trust,
        revocation: Revocation | None,
        rule: RevocationRule,
        now: Callable[[], datetime],
        memory: Memory,
    ) -> None:
        super().__init__(trust, revocation, rule, now)
        self._memory = memory

    async def judge(
        self,
        certificate: x509.Certificate,
        address: MailAddress | None,
        purpose: Purpose = Purpose.ENCRYPT,
        others: Sequence[x509.Certificate] = (),
    ) -> Verdict:
        """Returns the verdict as `Judge.judge`."""
        whose = address.spec.lower() if address else ""
        along = frozenset(CertificateId(one).fingerprint for one in others)
        key = (CertificateId(certificate).fingerprint, whose, purpose, along)
        kept = self._memory.recall(key)
        if isinstance(kept, Verdict) and (not kept.usable or self._now() < certificate.not_valid_after_utc):
            return kept
        verdict = await super().judge(certificate, address, purpose, others)
        if verdict.refusal is None or verdict.refusal.code != UNKNOWN:
            self._memory.keep(key, verdict)
        return verdict
