"""Makes a courier from the settings of `[mail]`.

Relies on every part of the delivery; the parts themselves know no settings. Opens no connection.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

from routing.mail.courier import Courier
from routing.mail.dialling import Dialler
from routing.mail.domains import ascii_domain
from routing.mail.levels import Levels
from routing.mail.memory import Clock, Kept
from routing.mail.resolver import Resolver
from routing.mail.sts import Policies
from routing.mail.trust import Trust
from routing.mail.verdicts import Verdicts
from routing.mail.ways import SmarthostWay, StraightWay, Way
from schemas.errors import ConfigurationError, Unreachable
from schemas.mail_settings import MailSettings, Smarthost


def open_courier(
    settings: MailSettings,
    *,
    simulated: bool,
    now: Clock,
    kept: Kept | None = None,
    policies: Path | None = None,
) -> Courier:
    """Returns a courier; import this module lazily. A simulated one never leaves this machine.

    `kept` is what an earlier courier of the same settings learned, `policies` a folder for the policies of
    domains, which hold for longer than a process lives.

    Raises ConfigurationError: `dns.…`, `smtp.bad_sender`, `smtp.simulated_needs_loopback` or
    `starttls.roots_unreadable`.
    """
    shelves = kept or Kept()
    resolver = open_resolver(settings, simulated=simulated, now=now, kept=shelves)
    dialler = partial(
        Dialler, helo=_helo(settings), seconds=settings.probe_seconds, simulated=simulated, now=now
    )
    if settings.smarthost is not None:
        way: Way = _by_smarthost(settings.smarthost, resolver, dialler, now)
    else:
        way = _straight(settings, simulated, now, resolver, dialler, shelves, policies)
    return Courier(way, per_domain=settings.per_domain, tell_success=settings.reports is not None)


def open_resolver(
    settings: MailSettings, *, simulated: bool, now: Clock, kept: Kept | None = None
) -> Resolver:
    """Returns the resolver of the settings; a rehearsal asks this machine alone: questions name domains.

    Raises ConfigurationError `dns.no_servers`, `dns.server_not_an_address` or `dns.simulated_needs_loopback`.
    """
    resolver = Resolver(
        settings.dns,
        validates=settings.dns_validates,
        seconds=settings.dns_seconds,
        now=now,
        kept=kept.answers if kept else None,
    )
    # The machine's own name server may be on loopback too, and asks others all the same.
    here = bool(settings.dns) and all(ipaddress.ip_address(host).is_loopback for host, _ in resolver.servers)
    if simulated and not here:
        raise ConfigurationError("dns.simulated_needs_loopback")
    return resolver


def _straight(
    settings: MailSettings,
    simulated: bool,
    now: Clock,
    resolver: Resolver,
    dialler: Callable[..., Dialler],
    kept: Kept,
    folder: Path | None,
) -> Way:
    trust = Trust(settings.server_roots)

    def context() -> ssl.SSLContext:
        return trust.verifying

    policies = Policies(
        resolver,
        context,
        port=settings.policy_port,
        simulated=simulated,
        now=now,
        kept=kept.policies,
        folder=folder,
    )
    dial, minutes = dialler(trust=trust), settings.verdict_minutes
    verdicts = Verdicts(
        resolver,
        Levels(resolver, policies),
        dial,
        port=settings.port,
        minutes=minutes,
        now=now,
        kept=kept.verdicts,
    )
    return StraightWay(verdicts, dial, settings.port, (policies, resolver))


def _by_smarthost(
    smarthost: Smarthost, resolver: Resolver, dialler: Callable[..., Dialler], now: Clock
) -> Way:
    host, colon, port = smarthost.host.rpartition(":")
    if not colon or smarthost.host.endswith("]"):
        host, port = smarthost.host, "25"
    dial = dialler(trust=Trust(smarthost.ca))
    return SmarthostWay(resolver, dial, host.strip("[]"), int(port), now)


def _helo(settings: MailSettings) -> str:
    """Returns the name we say we are: the settings', or the domain we send from."""
    try:
        return ascii_domain(settings.helo or settings.from_address.rpartition("@")[2])
    except Unreachable:
        raise ConfigurationError("smtp.bad_sender") from None
