"""A mail server on loopback that behaves badly in the way a test says, and keeps every byte it was sent.

Relies on aiosmtpd. What came in the clear and what came under TLS are kept apart: a test compares them with
what should have come.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as Received

from eboks.simulator.certificates import Identity
from tests.rigs.looping import BackgroundLoop


@dataclass(slots=True)
class Behaviour:
    """What the server does at a step: `greeting`, `ehlo`, `starttls`, `mail`, `rcpt`, `data`, `body`, `dot`,
    `taken` (the mail is kept, its answer not sent yet).

    `replies` replaces the answer at a step (at `body` it comes after `body_bytes` of the mail), `hangs` never
    answers, `drops` cuts the connection instead. `inject` is sent in the clear, right behind the word that
    TLS may begin. `drip_seconds` lies between the bytes of every answer.
    """

    starttls: bool = True
    replies: dict[str, str] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    drops: set[str] = field(default_factory=set)
    offers: list[str] = field(default_factory=list)
    inject: bytes = b""
    body_bytes: int = 1000
    drip_seconds: float = 0.0


@dataclass(slots=True)
class Talk:
    """One connection as the server saw it."""

    clear: bytearray = field(default_factory=bytearray)
    secret: bytearray = field(default_factory=bytearray)
    tls_version: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail the server took."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    under_tls: bool
    talk: Talk


class MailServer:
    """One server on one address. `behaviour` may be changed between connections."""

    def __init__(
        self, looping: BackgroundLoop, address: str, port: int, context: ssl.SSLContext | None
    ) -> None:
        self._looping = looping
        self.address = address
        self.port = port
        self.context = context
        self.behaviour = Behaviour()
        self.identity: Identity | None = None
        self._protocols: list[_Smtp] = []
        self.talks: list[Talk] = []
        self.mails: list[Mail] = []

    @property
    def clear(self) -> bytes:
        """Everything that ever came here in the clear."""
        return b"".join(bytes(talk.clear) for talk in self.talks)

    @property
    def secret(self) -> bytes:
        """Everything that ever came here under TLS."""
        return b"".join(bytes(talk.secret) for talk in self.talks)

    @property
    def n_data(self) -> int:
        """How often a client said DATA, in the clear or not."""
        return (self.clear + self.secret).count(b"DATA\r\n")

    def start(self) -> None:
        self._server = self._looping.run(self._start())
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._looping.run(self._stop())

    async def _start(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(self._protocol, self.address, self.port)

    async def _stop(self) -> None:
        self._server.close()
        for one in self._protocols:
            one.end()

    def _protocol(self) -> SMTP:
        behaviour = self.behaviour
        one = _Smtp(self, behaviour, self.context if behaviour.starttls else None)
        self._protocols.append(one)
        return one


class _Taker:
    """aiosmtpd's handler: takes what comes to the final dot."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def handle_EHLO(  # noqa: N802
        self, smtp: _Smtp, session: Any, envelope: Received, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        more = [f"250-{offer}" for offer in smtp.behaviour.offers]
        return [*responses[:-1], *more, responses[-1]]

    async def handle_DATA(self, smtp: _Smtp, session: Any, envelope: Received) -> str:  # noqa: N802
        if not await smtp.goes_on("dot"):
            return ""
        reply = smtp.behaviour.replies.get("dot", "250 2.0.0 Ok: queued as 4F1A2B")
        if reply.startswith("2"):
            content = bytes(envelope.original_content or b"")
            mail = Mail(
                envelope.mail_from or "",
                tuple(envelope.rcpt_tos),
                content,
                session.ssl is not None,
                smtp.talk,
            )
            self._server.mails.append(mail)
        await smtp.goes_on("taken")
        return reply


class _Smtp(SMTP):
    def __init__(self, server: MailServer, behaviour: Behaviour, context: ssl.SSLContext | None) -> None:
        super().__init__(
            _Taker(server),
            hostname="rig.invalid",
            ident="rig",
            tls_context=context,
            data_size_limit=0,
            loop=asyncio.get_running_loop(),
        )
        self.behaviour = behaviour
        self.talk = Talk()
        self._n_body = -1
        server.talks.append(self.talk)

    def data_received(self, data: bytes) -> None:
        under_tls = self.session is not None and self.session.ssl is not None
        (self.talk.secret if under_tls else self.talk.clear).extend(data)
        if under_tls and self.transport is not None:
            self.talk.tls_version = str(self.transport.get_extra_info("ssl_object").version())
        if self._n_body >= 0:
            self._in_body(len(data))
        super().data_received(data)

    @property
    def _raw(self) -> Any:
        return self.transport

    def _in_body(self, n_bytes: int) -> None:
        self._n_body += n_bytes
        if self._n_body < self.behaviour.body_bytes or self.transport is None:
            return
        self._n_body = -1
        if "body" in self.behaviour.drops:
            self._cut()
        elif "body" in self.behaviour.replies:
            self._raw.write(self.behaviour.replies["body"].encode() + b"\r\n")

    async def push(self, status: str | bytes) -> None:
        text = status if isinstance(status, str) else status.decode()
        if not text:
            return
        if text.startswith("220 rig.invalid") and not self.talk.clear:
            if not await self.goes_on("greeting"):
                return
            text = self.behaviour.replies.get("greeting", text)
        if text.startswith("220 Ready to start TLS") and self.behaviour.inject:
            self._raw.write(text.encode() + b"\r\n" + self.behaviour.inject)
            return
        if text.startswith("354"):
            self._n_body = 0
        if self.behaviour.drip_seconds and self.transport is not None:
            for byte in text.encode() + b"\r\n":
                await asyncio.sleep(self.behaviour.drip_seconds)
                self._raw.write(bytes([byte]))
            return
        await super().push(text)

    async def goes_on(self, step: str) -> bool:
        """Hangs or drops where the behaviour says so; False when the connection has been cut."""
        if step in self.behaviour.hangs:
            await asyncio.Event().wait()
        if step in self.behaviour.drops:
            self._cut()
            await asyncio.Event().wait()
        return True

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        if await self._ordinary("ehlo"):
            await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        if not await self._ordinary("starttls"):
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        if await self._ordinary("mail"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        if await self._ordinary("rcpt"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if await self._ordinary("data"):
            await super().smtp_DATA(arg)
            self._n_body = -1

    async def _ordinary(self, step: str) -> bool:
        """Says whether the ordinary thing is done at a step; the behaviour's reply has been given if not."""
        await self.goes_on(step)
        if step not in self.behaviour.replies:
            return True
        await self.push(self.behaviour.replies[step])
        return False

    def end(self) -> None:
        """Closes what is left of the connection, also where a hanging step keeps it."""
        self._cut()
        if self._writer is not None:
            self._writer.close()

    def _cut(self) -> None:
        transport = self._original_transport or self.transport
        if transport is not None:
            transport.abort()  # type: ignore[attr-defined]
