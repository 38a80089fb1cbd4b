"""The simulator's mail servers: SMTP with STARTTLS as an ordinary server speaks it, and faults on request.

Relies on aiosmtpd. Like most servers it takes mail in the clear too, and writes down that it did: whether
anything ever comes in the clear is for the sender to keep. Relays nothing.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import Any, AnyStr

from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as SmtpEnvelope

from routing.simulator.faults import Faults
from routing.simulator.received import Envelope, Received
from routing.simulator.sites import Site

MAX_BYTES = 64 * 1024 * 1024
IDENT = "Brevdue mail simulator: what comes here is delivered to nobody"
# Its log would name recipients.
logging.getLogger("mail.log").disabled = True


class MailServer:
    """One site's exchanger."""

    def __init__(
        self,
        site: Site,
        received: Received,
        faults: Faults,
        context: ssl.SSLContext | None,
        now: Callable[[], datetime],
    ) -> None:
        self.site, self.received, self.faults, self.now = site, received, faults, now
        self._context = context
        self._talks: set[_Talk] = set()
        self.port = 0

    async def start(self, port: int) -> None:
        """Listens; raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._begin, self.site.address, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for talk in list(self._talks):
            talk.cut()

    def _begin(self) -> SMTP:
        stripped = self.faults.due("no_starttls", self.site.domain)
        talk = _Talk(self, None if stripped else self._context)
        self._talks.add(talk)
        return talk

    def ended(self, talk: _Talk) -> None:
        self._talks.discard(talk)


class _Taker:
    """aiosmtpd's handler: says yes, unless a fault is due."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    def _status(self, step: str) -> str:
        rule = self._server.faults.due("status", self._server.site.domain, step)
        if rule is None:
            return ""
        return f"{rule.status} {rule.status // 100}.0.0 a fault on request, by the simulator"

    async def handle_MAIL(  # noqa: N802
        self, smtp: _Talk, session: Any, envelope: SmtpEnvelope, address: str, options: list[str]
    ) -> str:
        if status := self._status("mail"):
            return status
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, smtp: _Talk, session: Any, envelope: SmtpEnvelope, address: str, options: list[str]
    ) -> str:
        if status := self._status("rcpt"):
            return status
        if address.rpartition("@")[2].lower() != self._server.site.domain:
            return "550 5.7.1 this simulator relays nothing"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, smtp: _Talk, session: Any, envelope: SmtpEnvelope) -> str:  # noqa: N802
        server = self._server
        if status := self._status("dot"):
            return status
        tls = smtp.tls
        came = Envelope(
            server.now(),
            server.site.domain,
            envelope.mail_from or "",
            tuple(envelope.rcpt_tos),
            (tls.version() or "") if tls else "",
            (tls.cipher() or ("",))[0] if tls else "",
        )
        server.received.take(came, bytes(envelope.original_content or b""))
        if server.faults.due("drop_after_dot", server.site.domain):
            return await smtp.hang_up()
        return "250 2.0.0 Ok: queued as SIMULATED"


class _Talk(SMTP):
    """One connection."""

    def __init__(self, server: MailServer, context: ssl.SSLContext | None) -> None:
        super().__init__(
            _Taker(server),
            hostname=server.site.mx,
            ident=IDENT,
            tls_context=context,
            data_size_limit=MAX_BYTES,
            loop=asyncio.get_running_loop(),
        )
        self._owner = server
        self._drops_body = False

    def data_received(self, data: bytes) -> None:
        """Takes what comes, unless a fault is due that cuts the connection within a mail."""
        if self._drops_body:
            self.cut()
        else:
            super().data_received(data)

    async def push(self, status: AnyStr) -> None:
        begins = status[:3] in ("354", b"354")
        due = self._owner.faults.due
        self._drops_body = begins and due("drop_before_dot", self._owner.site.domain) is not None
        await super().push(status)

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS of the connection as it is now, None in the clear."""
        found: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object") if self.transport else None
        return found

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        # On the way to TLS the first protocol is told of a loss that is none.
        if self.transport is None or self.transport.is_closing():
            self._owner.ended(self)

    async def hang_up(self) -> str:
        """Cuts the connection and never comes back."""
        self.cut()
        await asyncio.Event().wait()
        return ""

    def cut(self) -> None:
        transport: Any = self._original_transport or self.transport
        if transport is not None:
            transport.abort()
        if self._writer is not None:
            self._writer.close()
