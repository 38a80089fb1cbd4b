"""Finds who receives a domain's mail: all its mail exchangers, with all their addresses.

Relies on `resolver` for the questions. RFC 5321 5.1 (no MX: the domain itself), RFC 7505 (null MX). Connects
to nobody, and says in values, with codes, why there is nobody to connect to.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routing.mail.records import Answer, MxRecord

if TYPE_CHECKING:
    from routing.mail.resolver import Resolver

MAX_ADDRESSES = 64
"""A domain with more than these is not looked at: every one of them would have to be probed."""


@dataclass(frozen=True, slots=True)
class Exchanger:
    """One mail exchanger.

    `fault` says why `addresses` is empty or short, when it is. `canonical` is the name after CNAMEs; `secure`
    says that the way from the domain to the addresses is signed all along.
    """

    name: str
    preference: int
    addresses: tuple[str, ...] = ()
    canonical: str = ""
    secure: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Exchangers:
    """Everybody who receives a domain's mail, the preferred ones first.

    Without `hosts`, `fault` says why; it is `lasting` when asking again will give the same.
    """

    domain: str
    hosts: tuple[Exchanger, ...] = ()
    implicit: bool = False
    secure: bool = False
    fault: str = ""
    lasting: bool = False

    @property
    def fingerprint(self) -> frozenset[tuple[str, frozenset[str], bool, str]]:
        """Who they are, in any order: name servers turn addresses round from answer to answer."""
        return frozenset((one.name, frozenset(one.addresses), one.secure, one.fault) for one in self.hosts)


async def find_exchangers(resolver: Resolver, domain: str) -> Exchangers:
    """Returns the mail exchangers of a domain in A-labels; raises nothing."""
    answer: Answer[MxRecord] = await resolver.ask(domain, "MX")
    if answer.fault:
        return Exchangers(domain, fault=answer.fault)
    if not answer.exists:
        return Exchangers(domain, secure=answer.secure, fault="mx.no_such_domain", lasting=True)
    if not answer.records:
        return await _implicit(resolver, domain, answer.secure)
    records = {record for record in answer.records if record.host}
    if not records:
        return Exchangers(domain, secure=answer.secure, fault="mx.null", lasting=True)
    ordered = sorted(records, key=lambda record: (record.preference, record.host))
    hosts = await asyncio.gather(
        *(_find_host(resolver, record.host, record.preference, answer.secure) for record in ordered)
    )
    return _judged(Exchangers(domain, tuple(hosts), secure=answer.secure))


async def _implicit(resolver: Resolver, domain: str, secure: bool) -> Exchangers:
    host = await _find_host(resolver, domain, 0, secure)
    return _judged(Exchangers(domain, (host,), implicit=True, secure=secure))


async def _find_host(resolver: Resolver, name: str, preference: int, secure: bool) -> Exchanger:
    v4, v6 = await _both(resolver, name)
    addresses = (*v4.records, *v6.records)
    fault = v4.fault or v6.fault or ("" if addresses else "mx.no_address")
    canonical = v4.canonical or v6.canonical or name
    return Exchanger(name, preference, addresses, canonical, secure and v4.secure and v6.secure, fault)


async def _both(resolver: Resolver, name: str) -> tuple[Answer[str], Answer[str]]:
    """Returns the answers for both kinds of address, without a pause where both are kept."""
    v4, v6 = resolver.kept(name, "A"), resolver.kept(name, "AAAA")
    if v4 is not None and v6 is not None:
        return v4, v6
    asked = await asyncio.gather(resolver.ask(name, "A"), resolver.ask(name, "AAAA"))
    return asked[0], asked[1]


def _judged(found: Exchangers) -> Exchangers:
    """Returns the exchangers, or why there are none to connect to."""
    n_addresses = sum(len(host.addresses) for host in found.hosts)
    if n_addresses > MAX_ADDRESSES:
        return Exchangers(found.domain, secure=found.secure, fault="mx.too_many", lasting=True)
    if n_addresses:
        return found
    # A look-up that failed may give an address another time; a name without addresses will not.
    faults = [host.fault for host in found.hosts if host.fault != "mx.no_address"]
    fault = faults[0] if faults else "mx.no_address"
    return Exchangers(found.domain, secure=found.secure, fault=fault, lasting=not faults)
