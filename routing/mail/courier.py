"""Delivers finished mails, each to one recipient, over connections that are held to a level.

The one face of the delivery. Relies on `ways` for where to connect, on `parking` for connections, and on
`smtp_session` for the conversation. Puts one total deadline around a delivery and says, in the four words of
`schemas.errors`, how it went. Builds no mail, chooses no channel, and tries nothing twice once a final dot
has left.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from routing.mail.demands import Evidence, Verdict
from routing.mail.dialling import Place
from routing.mail.domain_turns import DomainTurns
from routing.mail.domains import ascii_domain, wire_address
from routing.mail.mail_bytes import message_id_of
from routing.mail.parking import Parking
from routing.mail.smtp_errors import Down
from routing.mail.smtp_replies import Reply
from routing.mail.smtp_session import Envelope, Session, Unfit
from routing.mail.ways import Way
from schemas.errors import ConfigurationError, InDoubt, SendError, Transient, Unreachable
from schemas.mail_settings import TlsLevel

_QUEUED = re.compile(r"queued as ([A-Za-z0-9_.-]{1,64})")


@dataclass(frozen=True, slots=True)
class Delivered:
    """A mail that a server took: over which connection, and what it said, as a digest.

    `queued_as` is the server's own name for it, where it gave one: what its postmaster can look for.
    """

    message_id: str
    evidence: Evidence
    answer_sha256: str
    queued_as: str = ""

    def proof(self) -> Mapping[str, str]:
        """Returns what a receipt keeps."""
        more = {"answer_sha256": self.answer_sha256, "queued_as": self.queued_as}
        return {**self.evidence.facts(), **{key: text for key, text in more.items() if text}}


class Courier:
    """Deliveries and verdicts; belongs to one event loop. `open_courier` makes one from the settings."""

    def __init__(self, way: Way, *, per_domain: int, tell_success: bool) -> None:
        self._way = way
        self._turns = DomainTurns(per_domain)
        self._parking = Parking()
        self._tell_success = tell_success

    async def verdict(self, domain: str, level: TlsLevel) -> Verdict:
        """Says whether a domain may get mail at a level, and shows every mail exchanger; sends nothing.

        The verdict is kept for minutes. Raises Unreachable `mx.bad_domain`, Transient when a smarthost can't
        be reached, ConfigurationError when our own set-up can't tell.
        """
        return await self._way.verdict(ascii_domain(domain), level)

    async def deliver(
        self,
        envelope_from: str,
        recipient: str,
        mail: bytes,
        level: TlsLevel | None,
        deadline_seconds: float,
    ) -> Delivered:
        """Hands one mail over and returns once a server has taken it.

        `mail` is 7-bit with CRLF line ends and one Message-ID, the same on every try. `level` is held by the
        verdict on the domain and again by the connection the mail goes over; None takes TLS where it is
        offered. Raises Transient (not taken; come again), Unreachable (another way), Refused (a mail that is
        not fit), InDoubt (the final dot left and no answer came) or ConfigurationError.
        """
        message_id = message_id_of(mail)
        to = wire_address(recipient)
        envelope = Envelope(_sender(envelope_from), to, message_id, self._tell_success)
        trip = _Trip(envelope, mail, to.rpartition("@")[2], level)
        try:
            async with asyncio.timeout(deadline_seconds), self._turns.turn(trip.domain):
                reply, evidence = await self._travel(trip)
        except TimeoutError:
            raise trip.late() from None
        digest = hashlib.sha256("\n".join(reply.lines).encode("latin-1")).hexdigest()
        queued = _QUEUED.search(reply.text)
        return Delivered(message_id, evidence, digest, queued[1] if queued else "")

    def check(self) -> None:
        """Looks at our own set-up, and asks nobody; raises ConfigurationError `starttls.roots_unreadable`."""
        self._way.check()

    async def close(self) -> None:
        """Takes leave of every server, and ends what is being asked."""
        self._parking.close()
        await self._way.close()
        await asyncio.sleep(0)

    async def _travel(self, trip: _Trip) -> tuple[Reply, Evidence]:
        """Tries one place after the other, until one takes the mail or says something about it."""
        fault, ours = Down("mx.no_address"), False
        for place in await self._way.places(trip.domain, trip.level):
            ours = place.smarthost
            try:
                return await self._try(trip, place)
            except Down as down:
                fault = down
            except Unfit as unfit:
                raise await self._way.unfit(trip.domain, trip.level, unfit.evidence) from None
        await self._way.cut(trip.domain, trip.level)
        raise Transient(fault.code, reached=not ours, status=fault.status, step=fault.step)

    async def _try(self, trip: _Trip, place: Place) -> tuple[Reply, Evidence]:
        parked = self._parking.take(place)
        if parked is not None:
            try:
                return await self._hand_over(trip, place, parked)
            except Down:
                pass  # it had gone to sleep; nothing was taken, and a new one will tell
        return await self._hand_over(trip, place, await self._way.dialler.open(place))

    async def _hand_over(self, trip: _Trip, place: Place, session: Session) -> tuple[Reply, Evidence]:
        try:
            reply = await session.send(trip.envelope, trip.mail)
        except BaseException:
            trip.doubtful = session.doubtful
            session.wire.abort()
            raise
        self._parking.park(place, session)
        return reply, session.evidence


@dataclass(slots=True)
class _Trip:
    """One delivery under way; `doubtful` once its final dot has left without an answer."""

    envelope: Envelope
    mail: bytes
    domain: str
    level: TlsLevel | None
    doubtful: bool = False

    def late(self) -> SendError:
        """Returns the error for a delivery that ran out of time."""
        if self.doubtful:
            return InDoubt("smtp.deadline_after_dot")
        return Transient("smtp.deadline")


def _sender(envelope_from: str) -> str:
    try:
        return wire_address(envelope_from)
    except Unreachable:
        raise ConfigurationError("smtp.bad_sender") from None
