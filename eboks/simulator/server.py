"""Serves the simulator over HTTPS with mutual TLS, on loopback and nowhere else.

Relies on aiohttp's server and the standard library's TLS. Demands a client certificate of the given authority
before a byte is read. Knows nothing of what is answered.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from aiohttp import web

from eboks.simulator.acceptance import Simulation
from eboks.simulator.answers import MARK
from eboks.simulator.application import SIMULATION, make_app
from eboks.simulator.messages import Counts
from eboks.simulator.settings import ServerTls, SimulatorSettings
from schemas.errors import ConfigurationError

_READ_BUFFER_BYTES = 1024 * 1024
"""Room for a whole ordinary message, so that a connection is not paused in the middle of one."""
_SHUTDOWN_SECONDS = 0.5
_UNLOGGED = cast(logging.Logger, None)
"""No access log at all, whatever the process's logging says: a look-up's address names its recipient."""


class _Connection(web.RequestHandler):
    """A connection that counts its handshake and marks even the answers to what is not HTTP."""

    def __init__(self, server: web.Server, counts: Counts, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop=loop, access_log=_UNLOGGED, read_bufsize=_READ_BUFFER_BYTES)
        self._counts = counts

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._counts.n_tls_handshakes += 1
        super().connection_made(transport)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        # aiohttp's own page quotes what it could not read, and what it could not read may be a recipient.
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is already on its way")
        answer = web.Response(status=status, text="not understood", headers=MARK)
        answer.force_close()  # what follows a broken request can't be trusted
        return answer


@dataclass(slots=True)
class Running:
    """A simulator that is listening; `simulation` is its state, for a test in the same process."""

    host: str
    port: int
    simulation: Simulation
    _runner: web.AppRunner
    _server: asyncio.Server

    @property
    def url(self) -> str:
        """The base address, without a slash at its end."""
        return (
            f"https://[{self.host}]:{self.port}" if ":" in self.host else f"https://{self.host}:{self.port}"
        )

    async def stop(self) -> None:
        """Stops listening and ends every connection."""
        self._server.close()
        await self._runner.cleanup()
        await self._server.wait_closed()


def wall_clock() -> datetime:
    """Returns the time of the machine, aware and in UTC."""
    return datetime.now(UTC)


async def serve(
    settings: SimulatorSettings,
    tls: ServerTls,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    now: Callable[[], datetime] = wall_clock,
) -> Running:
    """Starts a simulator on a loopback address (port 0: any free one) and returns it.

    Raises ConfigurationError for another address, an unreadable certificate, key or record file, or a port
    in use.
    """
    _demand_loopback(host)
    context = _context(tls)
    app = make_app(settings, now=now)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        server = await _listen(runner, app[SIMULATION].counts, context, host, port)
    except OSError as error:
        await runner.cleanup()
        raise ConfigurationError("simulator.port_taken", port=port) from error
    bound = server.sockets[0].getsockname()[1]
    return Running(host, bound, app[SIMULATION], runner, server)


async def _listen(
    runner: web.AppRunner, counts: Counts, context: ssl.SSLContext, host: str, port: int
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    web_server = runner.server
    assert web_server is not None  # set up just above

    def connect() -> _Connection:
        counts.n_connections += 1
        return _Connection(web_server, counts, loop)

    return await loop.create_server(
        connect, host, port, ssl=context, backlog=512, ssl_handshake_timeout=10, ssl_shutdown_timeout=1
    )


def _demand_loopback(host: str) -> None:
    """Raises ConfigurationError unless `host` is this machine alone: a simulator is nobody's real mailbox."""
    try:
        on_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        on_loopback = False
    if not on_loopback:
        raise ConfigurationError("simulator.not_loopback")


def _context(tls: ServerTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        context.load_verify_locations(tls.client_ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError("simulator.certificate_unreadable") from error
    return context
