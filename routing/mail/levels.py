"""Works out, for a domain and a level, what each of its mail exchangers must show.

Relies on `resolver` (TLSA) and `sts` (policies). facts/secure-mail 4.3; RFC 8461 (MTA-STS), RFC 7672 (DANE).
Connects to no mail server. What can't be found out never makes a demand smaller.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.mail.dane import usable
from routing.mail.demands import Demand
from routing.mail.exchangers import Exchanger, Exchangers
from routing.mail.sts import Policies
from routing.mail.sts_policy import Policy
from schemas.errors import ConfigurationError
from schemas.mail_settings import TlsLevel

if TYPE_CHECKING:
    from routing.mail.resolver import Resolver

SMTP_PORT = 25


@dataclass(frozen=True, slots=True)
class Term:
    """What one exchanger must show; with a `code` nothing it shows will do, for good when `lasting`."""

    host: Exchanger
    demand: Demand
    code: str = ""
    lasting: bool = False


class Levels:
    """Turns exchangers and a level into terms, one per exchanger and in the same order."""

    def __init__(self, resolver: Resolver, policies: Policies) -> None:
        self._resolver = resolver
        self._policies = policies

    async def terms(self, found: Exchangers, level: TlsLevel | None) -> tuple[Term, ...]:
        """Returns the terms.

        Raises ConfigurationError `dane.resolver_does_not_validate`: then no answer could be believed.
        """
        if level == "sts":
            return await self._sts_terms(found)
        if level == "dane":
            if not self._resolver.validates:
                raise ConfigurationError("dane.resolver_does_not_validate")
            return await self._dane_terms(found)
        return tuple(Term(host, Demand(level, host.name)) for host in found.hosts)

    async def _sts_terms(self, found: Exchangers) -> tuple[Term, ...]:
        answer = await self._policies.policy(found.domain)
        policy = answer.policy
        if policy is not None and not _all_listed(found, policy):
            answer = await self._policies.refreshed(found.domain, policy)
            policy = answer.policy
        if policy is None:
            return _all_alike(found, "sts", answer.code, answer.lasting)
        if policy.mode != "enforce":
            return _all_alike(found, "sts", "sts.not_enforced", lasting=True)
        names = [policy.lists(host.name) for host in found.hosts]
        return tuple(
            await asyncio.gather(
                *(self._sts_term(found, host, ok) for host, ok in zip(found.hosts, names, strict=True))
            )
        )

    async def _sts_term(self, found: Exchangers, host: Exchanger, listed: bool) -> Term:
        demand = Demand("sts", host.name)
        if not listed:
            return Term(host, demand, "sts.mx_not_listed", lasting=True)
        if not (self._resolver.validates and found.secure and host.secure):
            return Term(host, demand)
        # A policy never overrides DANE (RFC 8461 2): where there are TLSA records they must be met too.
        dane = await self._dane_term(found, host)
        if dane.code == "dane.absent":
            return Term(host, demand)
        return Term(host, Demand("sts", host.name, dane.demand.tlsa, dane.demand.names), dane.code)

    async def _dane_terms(self, found: Exchangers) -> tuple[Term, ...]:
        if not found.secure:
            return _all_alike(found, "dane", "dane.not_secure", lasting=True)
        return tuple(await asyncio.gather(*(self._dane_term(found, host) for host in found.hosts)))

    async def _dane_term(self, found: Exchangers, host: Exchanger) -> Term:
        """Returns what the TLSA records demand; a look-up that failed delays, and is never "none"."""
        demand = Demand("dane", host.name)
        if host.fault:
            return Term(host, demand, host.fault)
        if not host.secure:
            return Term(host, demand, "dane.not_secure", lasting=True)
        for base in dict.fromkeys((host.canonical, host.name)):
            answer = await self._resolver.ask(f"_{SMTP_PORT}._tcp.{base}", "TLSA")
            if answer.fault:
                return Term(host, demand, answer.fault)
            if answer.records and answer.secure:
                fit = usable(answer.records)
                names = tuple(dict.fromkeys((base, host.name, found.domain)))
                return Term(
                    host, Demand("dane", host.name, fit, names), "" if fit else "dane.unusable", lasting=False
                )
        return Term(host, demand, "dane.absent", lasting=True)


def _all_listed(found: Exchangers, policy: Policy) -> bool:
    """False when a policy is about to close the domain: it lists somebody else, or enforces nothing."""
    return policy.mode == "enforce" and all(policy.lists(host.name) for host in found.hosts)


def _all_alike(found: Exchangers, level: TlsLevel, code: str, lasting: bool) -> tuple[Term, ...]:
    return tuple(Term(host, Demand(level, host.name), code, lasting) for host in found.hosts)
