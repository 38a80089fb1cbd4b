"""Says whether a domain may get mail at a level, after looking at every address of every exchanger of it.

Relies on `exchangers`, `levels` and `dialling`. A verdict is kept for minutes, asked for once at a time, and
made anew when the domain's exchangers change. It is an early answer only: the connection that delivers is
held to the same demand again. Sends nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from routing.mail.demands import Evidence, Found, Verdict
from routing.mail.dialling import Dialler, Place
from routing.mail.exchangers import Exchangers, find_exchangers
from routing.mail.levels import Levels, Term
from routing.mail.memory import Clock, Memory
from routing.mail.smtp_errors import Down
from routing.mail.smtp_session import Unfit
from schemas.mail_settings import TlsLevel

if TYPE_CHECKING:
    from routing.mail.resolver import Resolver

MAX_ENTRIES = 20_000
MAX_PROBES = 32
UNKNOWN_SECONDS = 60.0
"""A verdict in which somebody was down is kept no longer than this."""

_Key = tuple[str, TlsLevel, frozenset[object]]


class Verdicts:
    """Verdicts by domain and level; belongs to one event loop.

    `n_probed` counts the connections that were opened to look, for tests and figures.
    """

    def __init__(
        self,
        resolver: Resolver,
        levels: Levels,
        dialler: Dialler,
        *,
        port: int,
        minutes: float,
        now: Clock,
        kept: dict[_Key, tuple[Verdict, datetime]] | None = None,
    ) -> None:
        self._resolver = resolver
        self._levels = levels
        self._dialler = dialler
        self._port = port
        self._seconds = minutes * 60
        self._now = now
        self._memory: Memory[_Key, Verdict] = Memory(now, MAX_ENTRIES, kept)
        self._slots = asyncio.Semaphore(MAX_PROBES)
        self.n_probed = 0

    async def verdict(self, domain: str, level: TlsLevel) -> Verdict:
        """Returns the verdict on a domain in A-labels, perhaps a kept one; sends nothing.

        Raises ConfigurationError when our own set-up can't tell.
        """
        return await self.verdict_on(await self.exchangers(domain), level)

    async def exchangers(self, domain: str) -> Exchangers:
        """Returns who receives a domain's mail now. Another question may get another answer: what a verdict
        and its terms are both about is asked for once."""
        return await find_exchangers(self._resolver, domain)

    async def verdict_on(self, found: Exchangers, level: TlsLevel) -> Verdict:
        """Returns the verdict on these exchangers, as `verdict`."""
        return await self._memory.get(_key(found, level), lambda: self._judge(found, level))

    async def terms(self, found: Exchangers, level: TlsLevel | None) -> tuple[Term, ...]:
        """Returns what each exchanger must show."""
        return await self._levels.terms(found, level)

    def close_domain(self, found: Exchangers, level: TlsLevel, evidence: Evidence) -> Verdict:
        """Keeps what a delivering connection showed, which was not what the probe had seen."""
        verdict = Verdict(
            found.domain, level, False, self._now(), evidence.code, lasting=True, findings=(evidence,)
        )
        self._memory.put(_key(found, level), verdict, self._seconds)
        return verdict

    def forget(self, found: Exchangers, level: TlsLevel) -> None:
        """Drops a verdict that the delivery has put in question."""
        self._memory.forget(_key(found, level))

    async def close(self) -> None:
        await self._memory.close()

    async def _judge(self, found: Exchangers, level: TlsLevel) -> tuple[Verdict, float]:
        if not found.hosts:
            verdict = Verdict(found.domain, level, False, self._now(), found.fault, found.lasting)
            return verdict, self._keep_seconds(verdict)
        terms = await self._levels.terms(found, level)
        looks = [self._look_at(term) for term in terms]
        findings = [finding for group in await asyncio.gather(*looks) for finding in group]
        verdict = judged(Verdict(found.domain, level, False, self._now()), findings)
        return verdict, self._keep_seconds(verdict)

    def _keep_seconds(self, verdict: Verdict) -> float:
        certain = not verdict.n_unknown and (verdict.open or verdict.lasting)
        return self._seconds if certain else min(self._seconds, UNKNOWN_SECONDS)

    async def _look_at(self, term: Term) -> list[Evidence]:
        """Returns what every address of one exchanger shows; what has no address is unknown."""
        if term.code:
            found = Found.FAILED if term.lasting else Found.UNKNOWN
            return [self._finding(term, "", found, term.code)]
        findings = list(await asyncio.gather(*(self._probe(term, one) for one in term.host.addresses)))
        if term.host.fault:
            findings.append(self._finding(term, "", Found.UNKNOWN, term.host.fault))
        return findings

    async def _probe(self, term: Term, address: str) -> Evidence:
        """Looks at one address; one that hangs up in the handshake must do so twice before it has failed."""
        try:
            return await self._connect(term, address)
        except Down as down:
            if down.code != "starttls.handshake_cut":
                return self._finding(term, address, Found.UNKNOWN, down.code, down.status)
        try:
            return await self._connect(term, address)
        except Down as down:
            cut = down.code == "starttls.handshake_cut"
            state = Found.FAILED if cut else Found.UNKNOWN
            return self._finding(term, address, state, down.code, down.status)

    async def _connect(self, term: Term, address: str) -> Evidence:
        async with self._slots:
            self.n_probed += 1
            try:
                session = await self._dialler.open(Place(address, self._port, term.demand))
            except Unfit as unfit:
                return unfit.evidence
            session.close()
            return session.evidence

    def _finding(self, term: Term, address: str, found: Found, code: str, status: str = "") -> Evidence:
        return Evidence(
            term.host.name,
            address,
            self._now(),
            level=term.demand.level or "",
            found=found,
            code=code,
            status=status,
        )


def _key(found: Exchangers, level: TlsLevel) -> _Key:
    return found.domain, level, frozenset((*found.fingerprint, found.fault))


def judged(blank: Verdict, findings: Sequence[Evidence]) -> Verdict:
    """Fills a blank verdict: one that failed closes the domain, and unknown is no pass."""
    failed = [one for one in findings if one.found is Found.FAILED]
    passed = [one for one in findings if one.found is Found.PASSED]
    unknown = [one for one in findings if one.found is Found.UNKNOWN]
    told = replace(blank, findings=tuple(findings))
    if failed:
        return replace(told, code=failed[0].code, lasting=True)
    if passed:
        return replace(told, open=True)
    return replace(told, code=unknown[0].code if unknown else "mx.no_address")
