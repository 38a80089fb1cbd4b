"""Serves a simulator on loopback and nowhere else, with or without TLS.

Relies on aiohttp's server. Writes no access log. Knows nothing of what is answered.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass

from aiohttp import web

from schemas.errors import ConfigurationError

MARK = {"X-Brevdue-Simulator": "1", "Cache-Control": "no-store"}
MAX_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that is listening."""

    url: str
    _runner: web.AppRunner

    async def stop(self) -> None:
        """Stops listening and ends every connection."""
        await self._runner.cleanup()


async def serve(
    app: web.Application, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Running:
    """Starts an application (port 0: any free one).

    Raises ConfigurationError for an address that is not this machine alone, or a port in use.
    """
    _demand_loopback(host)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=tls)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigurationError("simulator.port_taken", port=port) from error
    bound = runner.addresses[0][1]
    return Running(f"{'https' if tls else 'http'}://{host}:{bound}", runner)


def _demand_loopback(host: str) -> None:
    try:
        on_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        on_loopback = False
    if not on_loopback:
        raise ConfigurationError("simulator.not_loopback")
