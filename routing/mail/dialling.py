"""Opens connections to mail servers and brings them to where a mail may go over them.

The one place that connects: a rehearsal never leaves this machine, and a live house never writes to it.
Relies on `smtp_session`. Chooses no server and keeps no connection: see `courier` and `parking`.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable
from dataclasses import dataclass, replace

from routing.mail.demands import Demand, Evidence, Found
from routing.mail.memory import Clock
from routing.mail.smtp_errors import Down
from routing.mail.smtp_session import Session, Unfit
from routing.mail.smtp_wire import Wire
from routing.mail.trust import Trust
from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect to, and what must be shown there."""

    address: str
    port: int
    demand: Demand
    smarthost: bool = False


class Dialler:
    """Opens sessions, each within `seconds`."""

    def __init__(self, *, helo: str, trust: Trust, seconds: float, simulated: bool, now: Clock) -> None:
        self._helo = helo
        self._trust = trust
        self._seconds = seconds
        self._simulated = simulated
        self._now = now

    def check(self) -> None:
        """Reads the authorities we trust; raises ConfigurationError `starttls.roots_unreadable`."""
        _ = self._trust.verifying

    async def open(self, place: Place) -> Session:
        """Returns a session that meets its demand.

        Raises Unfit when the server does not show what is demanded, Down when it can't be told or used now,
        ConfigurationError when a rehearsal would leave this machine.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._open(place)
        except TimeoutError:
            raise Down("smtp.too_slow") from None

    async def _open(self, place: Place) -> Session:
        session = await self._begin(place)
        if place.demand.level is None and not session.offers_tls:
            return _in_the_clear(session)
        try:
            await self._secure(session, place)
        except (Unfit, Down):
            if place.demand.level is not None:
                raise
            return _in_the_clear(await self._begin(place))  # its content is encrypted already
        return session

    async def _begin(self, place: Place) -> Session:
        level = place.demand.level or ""
        evidence = Evidence(
            place.demand.name, place.address, self._now(), level=level, smarthost=place.smarthost
        )
        # A live house may have its own relay on this machine; a recipient's exchanger never is.
        if not place.smarthost and not may_connect(place.address, simulated=self._simulated):
            raise Unfit(replace(evidence, found=Found.FAILED, code="mx.not_routable"))
        session = Session(await self._dial(place), self._helo, evidence)
        await _or_cut(session, session.begin())
        return session

    async def _secure(self, session: Session, place: Place) -> None:
        await _or_cut(session, session.secure(place.demand, self._trust, self._now))

    async def _dial(self, place: Place) -> Wire:
        demand_rehearsal_stays(place.address, simulated=self._simulated)
        try:
            _, wire = await asyncio.get_running_loop().create_connection(Wire, place.address, place.port)
        except OSError:
            raise Down("smtp.not_connected") from None
        return wire


def demand_rehearsal_stays(address: str, *, simulated: bool) -> None:
    """Raises ConfigurationError `smtp.simulated_needs_loopback` when a rehearsal would leave this machine."""
    if simulated and not ipaddress.ip_address(address).is_loopback:
        raise ConfigurationError("smtp.simulated_needs_loopback")


def may_connect(address: str, *, simulated: bool) -> bool:
    """Says whether an address that a domain names is one to connect to: it may name any, this machine too.

    Raises what `demand_rehearsal_stays` raises.
    """
    demand_rehearsal_stays(address, simulated=simulated)
    ip = ipaddress.ip_address(address)
    plain = getattr(ip, "ipv4_mapped", None) or ip
    return simulated or not (plain.is_loopback or plain.is_unspecified or plain.is_multicast)


def _in_the_clear(session: Session) -> Session:
    """Marks a session that has no TLS, for the receipt."""
    session.evidence = replace(session.evidence, tls_version="none")
    return session


async def _or_cut(session: Session, step: Awaitable[None]) -> None:
    """Does a step of opening; a session that does not get through it is cut."""
    done = False
    try:
        await step
        done = True
    finally:
        if not done:
            session.wire.abort()
