"""Starts and stops the whole simulator: the name server and every site's mail server, on loopback.

Relies on the other modules of this package. Refuses to listen anywhere else than on this machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from routing.cms.keys import Identity, load_identity
from routing.simulator.certificates import KEYS
from routing.simulator.faults import Faults
from routing.simulator.name_server import NameServer
from routing.simulator.received import Received
from routing.simulator.settings import MailSimulatorSettings
from routing.simulator.sites import RECORDS, SITES, Site
from routing.simulator.smtp_server import MailServer
from schemas.errors import ConfigurationError


@dataclass(slots=True)
class Running:
    """A simulator that is listening."""

    dns: str
    smtp_port: int
    _names: NameServer
    _servers: list[MailServer]
    _received: Received

    async def stop(self) -> None:
        """Stops listening and ends every connection."""
        await self._names.stop()
        for server in self._servers:
            await server.stop()
        await asyncio.sleep(0)
        self._received.close()


def wall_clock() -> datetime:
    """Returns the time of the machine, aware and in UTC."""
    return datetime.now(UTC)


async def serve(settings: MailSimulatorSettings, *, now: Callable[[], datetime] = wall_clock) -> Running:
    """Starts a simulator and returns it.

    Raises ConfigurationError: `simulator.not_loopback`, `simulator.certificate_unreadable` (they are made by
    `brevdue init`), `simulator.record_unwritable` or `simulator.port_taken`.
    """
    _demand_loopback(settings.dns_address)
    received = Received(settings.folder, _identities(settings.folder))
    faults = Faults(settings.folder, settings.faults)
    servers = [MailServer(site, received, faults, _context(settings.folder, site), now) for site in SITES]
    names = NameServer(RECORDS)
    running = Running("", 0, names, [], received)
    try:
        await _listen(running, servers, settings)
    except BaseException:
        for server in running._servers:
            await server.stop()
        received.close()
        raise
    return running


async def _listen(running: Running, servers: list[MailServer], settings: MailSimulatorSettings) -> None:
    port = settings.smtp_port
    try:
        for server in servers:
            await server.start(port)
            running._servers.append(server)
            port = server.port
    except OSError as error:
        raise ConfigurationError("simulator.port_taken", port=port) from error
    try:
        await running._names.start(settings.dns_address, settings.dns_port)
    except OSError as error:
        raise ConfigurationError("simulator.port_taken", port=settings.dns_port) from error
    running.dns, running.smtp_port = f"{settings.dns_address}:{running._names.port}", port


def _identities(folder: Path) -> list[Identity]:
    """Returns the recipients' and gateways' keys, by which the simulator opens what came for them."""
    names = [f"{local}@{site.domain}" for site in SITES for local in site.people]
    names += [site.domain for site in SITES if site.gateway]
    try:
        return [
            load_identity(
                (folder / KEYS / f"{name}.pem").read_bytes(), (folder / KEYS / f"{name}.key").read_bytes()
            )
            for name in names
        ]
    except OSError as error:
        raise ConfigurationError("simulator.certificate_unreadable") from error


def _context(folder: Path, site: Site) -> ssl.SSLContext | None:
    if not site.starttls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(folder / KEYS / f"{site.shows}.pem", folder / KEYS / f"{site.shows}.key")
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError("simulator.certificate_unreadable") from error
    return context


def _demand_loopback(address: str) -> None:
    try:
        on_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        on_loopback = False
    if not on_loopback:
        raise ConfigurationError("simulator.not_loopback")
