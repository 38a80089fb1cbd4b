"""The two ways a mail can go: straight to the recipient's exchangers, or by a smarthost of ours.

Relies on `verdicts` and `dialling`. A way knows where to connect and what an unfit connection means; it hands
nothing over itself: see `courier`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from routing.mail.demands import Demand, Evidence, Found, Verdict
from routing.mail.dialling import Dialler, Place
from routing.mail.memory import Clock
from routing.mail.smtp_errors import Down
from routing.mail.smtp_session import Unfit
from routing.mail.verdicts import Verdicts
from schemas.errors import Coded, ConfigurationError, Transient, Unreachable
from schemas.mail_settings import TlsLevel

if TYPE_CHECKING:
    from routing.mail.resolver import Resolver

OURS = frozenset({"dns.no_answer", "smarthost.not_reached"})
"""Faults of what every mail needs: the breaker counts them, and not what is one domain's own."""


class Closes(Protocol):
    """What is closed with the way that uses it."""

    async def close(self) -> None: ...


class Way(Protocol):
    """How mail leaves this house."""

    dialler: Dialler

    async def verdict(self, domain: str, level: TlsLevel) -> Verdict:
        """Says whether a domain may get mail at a level; sends nothing."""

    async def places(self, domain: str, level: TlsLevel | None) -> Sequence[Place]:
        """Returns where to connect, in order; raises a SendError when there is nowhere."""

    async def unfit(self, domain: str, level: TlsLevel | None, evidence: Evidence) -> Coded:
        """Notes that a delivering connection did not show what it must; returns the error for it."""

    async def cut(self, domain: str, level: TlsLevel | None) -> None:
        """Notes that nobody of a domain could be delivered to, so that the next time is looked at anew."""

    def check(self) -> None:
        """Looks at our own set-up; raises ConfigurationError."""

    async def close(self) -> None:
        """Ends what is being asked."""


def fault_of(code: str, *, lasting: bool, status: str = "-") -> Coded:
    """Returns the error for a domain that can't be delivered to: another way, or another time."""
    if lasting:
        return Unreachable(code, status=status)
    return Transient(code, reached=code not in OURS, status=status)


def obstacle(verdict: Verdict) -> Coded:
    """Returns the error that a verdict means which is not open."""
    statuses = [one.status for one in verdict.findings if one.code == verdict.code and one.status]
    return fault_of(verdict.code, lasting=verdict.lasting, status=statuses[0] if statuses else "-")


class StraightWay:
    """To the recipient's own mail exchangers, after a verdict on all of them."""

    def __init__(self, verdicts: Verdicts, dialler: Dialler, port: int, parts: Sequence[Closes]) -> None:
        self.dialler = dialler
        self._verdicts = verdicts
        self._port = port
        self._parts = parts

    async def verdict(self, domain: str, level: TlsLevel) -> Verdict:
        return await self._verdicts.verdict(domain, level)

    async def places(self, domain: str, level: TlsLevel | None) -> Sequence[Place]:
        found = await self._verdicts.exchangers(domain)
        if level is not None:
            verdict = await self._verdicts.verdict_on(found, level)
            if not verdict.open:
                raise obstacle(verdict)
        if not found.hosts:
            raise fault_of(found.fault, lasting=found.lasting)
        terms = await self._verdicts.terms(found, level)
        # The terms may have changed since the verdict: what closes a domain does so here too.
        for term in terms:
            if term.code and term.lasting:
                raise fault_of(term.code, lasting=True)
        met = [term for term in terms if not term.code]
        if not met:
            raise fault_of(terms[0].code, lasting=False)
        return [Place(one, self._port, term.demand) for term in met for one in term.host.addresses]

    async def unfit(self, domain: str, level: TlsLevel | None, evidence: Evidence) -> Coded:
        if level is not None:
            found = await self._verdicts.exchangers(domain)
            self._verdicts.close_domain(found, level, evidence)
        return Unreachable(evidence.code)

    async def cut(self, domain: str, level: TlsLevel | None) -> None:
        if level is not None:
            found = await self._verdicts.exchangers(domain)
            self._verdicts.forget(found, level)

    def check(self) -> None:
        self.dialler.check()

    async def close(self) -> None:
        await self._verdicts.close()
        for part in self._parts:
            await part.close()


class SmarthostWay:
    """By a relay of ours, over TLS with its certificate verified; what it does after that is its own affair.

    Levels that rest on the recipient's exchangers (`sts`, `dane`) can't be held through it.
    """

    def __init__(self, resolver: Resolver, dialler: Dialler, host: str, port: int, now: Clock) -> None:
        self.dialler = dialler
        self._resolver = resolver
        self._host = host
        self._port = port
        self._now = now

    async def verdict(self, domain: str, level: TlsLevel) -> Verdict:
        """Looks at the relay alone, and only at the first address that answers."""
        code = "smarthost.not_reached"
        for place in await self.places(domain, level):
            try:
                session = await self.dialler.open(place)
            except Down as down:
                code = down.code
                continue
            except Unfit as unfit:
                raise await self.unfit(domain, level, unfit.evidence) from None
            session.close()
            evidence = replace(session.evidence, found=Found.PASSED)
            return Verdict(domain, level, True, self._now(), findings=(evidence,))
        raise Transient("smarthost.not_reached", reached=False, reason=code)

    async def places(self, domain: str, level: TlsLevel | None) -> Sequence[Place]:
        if level in ("sts", "dane"):
            raise ConfigurationError("smarthost.level_not_provable", level=level)
        demand = Demand("verify", self._host)
        return [Place(one, self._port, demand, smarthost=True) for one in await self._addresses()]

    async def unfit(self, domain: str, level: TlsLevel | None, evidence: Evidence) -> Coded:
        return ConfigurationError("smarthost.unfit", reason=evidence.code)

    async def cut(self, domain: str, level: TlsLevel | None) -> None:
        """Keeps nothing, so there is nothing to look at anew."""

    def check(self) -> None:
        self.dialler.check()

    async def close(self) -> None:
        await self._resolver.close()

    async def _addresses(self) -> Sequence[str]:
        try:
            return [str(ipaddress.ip_address(self._host))]
        except ValueError:
            pass
        v4, v6 = await self._resolver.ask(self._host, "A"), await self._resolver.ask(self._host, "AAAA")
        addresses = [*v4.records, *v6.records]
        if not addresses:
            raise Transient("smarthost.not_reached", reached=False, reason=v4.fault or "mx.no_address")
        return addresses
