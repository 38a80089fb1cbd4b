"""Serves the portal: by TLS of its own, or behind a proxy that ends TLS and is named in the settings.

Relies on uvicorn. Writes no access log: a link's token stands in the path. Its own log goes to the process's,
which lets nothing personal through.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from routing.portal.web.connections import Patience, watched
from schemas.errors import ConfigurationError
from schemas.portal_settings import PortalServer


def make_server(app: ASGIApp, settings: PortalServer, patience: Patience | None = None) -> uvicorn.Server:
    """Returns a server that is ready to `serve()`; raises ConfigurationError `portal.no_tls`.

    A visitor's address is taken from a proxy only when the proxy is one of `trusted_proxies`, and nobody else
    is spoken to without TLS.
    """
    if settings.certificate is None and not settings.trusted_proxies:
        raise ConfigurationError("portal.no_tls")
    patience = patience or Patience()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="asyncio",  # whose create_server can be told how long TLS may take to begin
        http=watched(patience, settings.trusted_proxies),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies) or "",
        ssl_certfile=str(settings.certificate) if settings.certificate else None,
        ssl_keyfile=str(settings.key) if settings.key else None,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=10,
        limit_concurrency=500,
        h11_max_incomplete_event_size=16 * 1024,
        backlog=512,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError):
        raise ConfigurationError("portal.no_tls") from None
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        return _TlsServer(config, patience.tls_seconds)
    return uvicorn.Server(config)


class _TlsServer(uvicorn.Server):
    """Waits no longer for TLS to begin than for a request; uvicorn has no word for it, and would a minute."""

    def __init__(self, config: uvicorn.Config, seconds: float) -> None:
        super().__init__(config)
        self._seconds = seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        create = loop.create_server
        loop.create_server = partial(create, ssl_handshake_timeout=self._seconds)  # type: ignore[method-assign]
        try:
            await super().startup(sockets)
        finally:
            loop.create_server = create  # type: ignore[method-assign]
