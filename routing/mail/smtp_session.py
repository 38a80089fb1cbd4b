"""One conversation with a mail server, step by step: greeting, EHLO, STARTTLS, and mails one after another.

Relies on `smtp_wire`. Holds the connection to its demand before any mail goes over it, and knows at every
moment whether a mail may have been taken: only between its final dot and the reply to it. Chooses no server
and has no deadline of its own: see `courier`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from routing.mail.demands import Demand, Evidence, Found
from routing.mail.mail_bytes import dot_stuffed
from routing.mail.memory import Clock
from routing.mail.smtp_errors import Down, refusal, reply_code
from routing.mail.smtp_replies import Reply
from routing.mail.smtp_wire import Broken, Wire
from routing.mail.trust import Peer, Trust
from schemas.errors import ConfigurationError, InDoubt, Transient, Unreachable

_NOT_XTEXT = re.compile(r"[^!-*,-<>-~]")
_GREETED = 220
_DONE = 250
_GO_ON = 354


class Unfit(Exception):
    """A connection does not show what was demanded: no mail goes over it. `evidence` says why."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence.code)
        self.evidence = evidence


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom and to whom, both as they stand in the commands (`domains.wire_address`).

    `envelope_id` comes back in reports from servers that know how; `tell_success` asks for a report of
    success too. Reports are asked to leave the content out.
    """

    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    envelope_id: str = ""
    tell_success: bool = False


class Session:
    """A connection that has been greeted, and may carry mails once `opened`."""

    def __init__(self, wire: Wire, helo: str, evidence: Evidence) -> None:
        self.wire = wire
        self.evidence = evidence
        self._helo = helo
        self._offered: Mapping[str, str] = {}
        self._dotted = False
        self.n_mails = 0
        self.idle_since = 0.0

    @property
    def doubtful(self) -> bool:
        """True when a mail's final dot has left this process and no reply to it has come."""
        return self._dotted and self.wire.handed_over

    async def begin(self) -> None:
        """Reads the greeting and says EHLO; raises Down when this server does not serve us now."""
        try:
            greeting = await self.wire.read_reply()
            if greeting.code != _GREETED:
                raise Down(reply_code(greeting), status=greeting.status, step="greeting")
            await self._ehlo()
        except Broken as broken:
            raise Down(broken.code) from None

    async def secure(self, demand: Demand, trust: Trust, now: Clock) -> None:
        """Goes over to TLS and looks at the peer; raises Unfit, or Down for what may be otherwise later.

        What was offered before TLS is forgotten and asked for again under it (RFC 3207 4.2).
        """
        await self._ask_for_tls()
        try:
            peer = await self.wire.start_tls(trust.context(demand), demand.name)
        except Broken as broken:
            if broken.code:
                raise self._unfit(broken.code) from None
            raise Down("starttls.handshake_cut") from None
        self.evidence = peer.onto(self.evidence)
        self._hold_to(demand, peer, now)
        self._offered = {}
        try:
            await self._ehlo()
        except Broken as broken:
            raise Down(broken.code) from None
        self.evidence = replace(self.evidence, found=Found.PASSED)

    @property
    def offers_tls(self) -> bool:
        return "STARTTLS" in self._offered

    async def send(self, envelope: Envelope, mail: bytes) -> Reply:
        """Hands over one mail and returns the server's word that it took it.

        Raises Transient or Unreachable for a refusal, Down when the connection gave out before the final dot,
        InDoubt when it gave out after it. After anything but success the session is of no more use.
        """
        self._demand_room(len(mail))
        self._dotted = False
        try:
            await self._open_data(envelope, len(mail))
            await self._write_mail(mail)
            reply = await self.wire.read_reply()
        except Broken as broken:
            if self.doubtful:
                raise InDoubt("smtp.no_answer_after_dot") from None
            raise Down(broken.code) from None
        return self._taken(reply)

    def close(self) -> None:
        """Takes leave; waits for nothing."""
        self.wire.close(b"QUIT\r\n")

    async def _ehlo(self) -> None:
        self.wire.write(b"EHLO %b\r\n" % self._helo.encode("ascii"))
        reply = await self.wire.read_reply()
        if reply.code != _DONE:
            raise Down(reply_code(reply), status=reply.status, step="ehlo")
        self._offered = reply.extensions()

    async def _ask_for_tls(self) -> None:
        if not self.offers_tls:
            raise self._unfit("starttls.not_offered")
        try:
            self.wire.write(b"STARTTLS\r\n")
            reply = await self.wire.read_reply()
        except Broken as broken:
            raise Down(broken.code) from None
        if reply.code >= 500:
            raise self._unfit("starttls.refused")
        if reply.code != _GREETED:
            raise Down("starttls.not_now", status=reply.status, step="starttls")

    def _hold_to(self, demand: Demand, peer: Peer, now: Clock) -> None:
        """Checks what TLS itself has not checked: the TLSA records."""
        if not demand.tlsa:
            if demand.level == "dane":
                raise self._unfit("dane.absent")
            return
        from routing.mail.dane import matches

        if not matches(peer, demand.tlsa, demand.names or (demand.name,), now()):
            raise self._unfit("dane.no_match")

    def _unfit(self, code: str) -> Unfit:
        return Unfit(replace(self.evidence, found=Found.FAILED, code=code))

    def _demand_room(self, n_bytes: int) -> None:
        limit = self._offered.get("SIZE", "")
        if limit.isdigit() and 0 < int(limit) < n_bytes:
            raise Unreachable("smtp.too_large", limit=int(limit), n_bytes=n_bytes)

    async def _open_data(self, envelope: Envelope, n_bytes: int) -> None:
        """Says MAIL, RCPT and DATA, all at once where that is offered; a refusal of any ends it."""
        commands = self._commands(envelope, n_bytes)
        pipelined = "PIPELINING" in self._offered
        if pipelined:
            self.wire.write(b"".join(command for command, _, _ in commands))
        for command, step, expected in commands:
            if not pipelined:
                self.wire.write(command)
            self._demand(await self.wire.read_reply(), step, expected)

    def _commands(self, envelope: Envelope, n_bytes: int) -> list[tuple[bytes, str, int]]:
        mail = f"MAIL FROM:<{envelope.sender}>"
        recipient = f"RCPT TO:<{envelope.recipient}>"
        if "SIZE" in self._offered:
            mail += f" SIZE={n_bytes}"
        if "DSN" in self._offered:
            mail += " RET=HDRS"
            if envelope.envelope_id:
                mail += f" ENVID={_xtext(envelope.envelope_id)}"
            recipient += " NOTIFY=SUCCESS,FAILURE" if envelope.tell_success else " NOTIFY=FAILURE"
        lines = [(mail, "mail", _DONE), (recipient, "rcpt", _DONE), ("DATA", "data", _GO_ON)]
        return [(f"{line}\r\n".encode("ascii"), step, expected) for line, step, expected in lines]

    async def _write_mail(self, mail: bytes) -> None:
        """Writes the mail and its final dot; a word from the server before the dot ends it without one."""
        whole = await self.wire.write_long(dot_stuffed(mail))
        if not whole or self.wire.has_word:
            early = await self.wire.read_reply()
            if early.code < 400:
                raise Broken("smtp.reply_unreadable")
            self._demand(early, "body", _DONE)
        self.wire.write(b".\r\n")
        self._dotted = True
        await self.wire.drain()

    def _demand(self, reply: Reply, step: str, expected: int) -> None:
        """Raises what a reply means that is not the one expected; 421 is a server that hangs up."""
        if reply.code == expected or (expected == _DONE and reply.code in (251, 252)):
            return
        if reply.code == 421:
            raise Down("smtp.421", status=reply.status, step=step)
        if reply.code < 400:
            raise Down("smtp.reply_unreadable", step=step)
        if self.evidence.smarthost and step == "mail" and reply.code >= 500:
            raise ConfigurationError("smarthost.refuses_us", status=reply.status)
        raise refusal(reply, step)

    def _taken(self, reply: Reply) -> Reply:
        """Judges the reply to the final dot: the server has said yes, or no, or nothing of use."""
        if 300 <= reply.code < 400:
            raise InDoubt("smtp.no_answer_after_dot")
        self._dotted = False
        if reply.code == 421:
            raise Transient("smtp.421", status=reply.status, step="dot")
        if reply.code >= 400:
            raise refusal(reply, "dot")
        self.n_mails += 1
        return reply


def _xtext(text: str) -> str:
    """Returns a text as a parameter may carry it (RFC 3461 4)."""
    return _NOT_XTEXT.sub(lambda found: f"+{ord(found[0]):02X}", text)
