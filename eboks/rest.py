"""The channel to e-Boks over REST v3: one PUT per letter under an id of ours, and what the answer means.

Relies on the wire, the body builder, the look-up and the verdicts of this package. Reads documents through
the reader it is given and keeps nothing of them. Never tries another channel and never makes a new id: doubt
is cleared by sending the same again (design 4.4). Source: facts/eboks a.0–a.2, c and e.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from eboks.dispatch_body import Enclosure, build_dispatch
from eboks.enrolment import Enrolments
from eboks.own_identity import OwnIdentity
from eboks.pace import Pace
from eboks.proxy_replies import Taken, read_later_word, read_taken
from eboks.replies import Reply
from eboks.rest_check import check_own_certificate, contact, demand_fitting_host
from eboks.tls import DAYS_OF_WARNING
from eboks.verdicts import Verdicts, objection, verdict_table
from schemas.channels import Cursor, DocumentReader, EnrolmentCache, Limits, Protection, Reach
from schemas.consignments import Consignment, Document, Receipt, ReceiptEvent
from schemas.errors import (
    CannotTell,
    ConfigurationError,
    InDoubt,
    Refused,
    Transient,
    Unreachable,
)
from schemas.settings import EboksChannel, EboksMaterial, MaterialSettings

if TYPE_CHECKING:
    from eboks.wire import Wire

MAX_IDS_A_POLL = 50
_SIMULATOR_MARK = "x-brevdue-simulator"
# Faults of a reply's body that leave no doubt about its head: where only the head counts, so does the reply.
_BODY_FAULTS = frozenset({"", "http.reply_too_large", "http.reply_encoded"})


class EboksRest:
    """A `schemas.channels.Channel`; belongs to one event loop."""

    protection = Protection.MAILBOX
    idempotent = True

    def __init__(
        self,
        name: str,
        channel: EboksChannel,
        materials: Mapping[str, MaterialSettings],
        documents: DocumentReader,
        enrolments: EnrolmentCache,
        now: Callable[[], datetime],
        *,
        simulated: bool,
    ) -> None:
        self.name = name
        self.limits = Limits(
            channel.max_bytes,
            frozenset(extension.lower() for extension in channel.extensions),
            channel.parallel,
            channel.per_second,
        )
        self._channel = channel
        self._materials = materials
        self._documents = documents
        self._now = now
        self._simulated = simulated
        self._room = asyncio.Semaphore(channel.parallel)
        self._pace = Pace(channel.per_second)
        self._enrolments = Enrolments(
            name,
            channel.system_id,
            self._ask,
            enrolments,
            max_age_seconds=channel.enrolment_cache_hours * 3600.0,
            absent=channel.enrolment_absent,
            verdicts=lambda: self._verdicts,
            now=now,
        )

    def message_id(self, seed: str) -> str:
        """Returns the id at e-Boks: our system id in six digits, then the seed (facts/eboks a.1)."""
        return f"{self._channel.system_id:06d}{seed}"

    def check(self) -> None:
        """Looks at address, error table, certificate, key and the other side; sends nothing.

        Raises ConfigurationError, or ServiceDown when e-Boks does not answer at all.
        """
        _ = self._verdicts
        check_own_certificate(self._channel, self._now())
        contact(self._channel.url, self._identity.context())

    def findings(self) -> list[tuple[str, dict[str, object]]]:
        """Returns what will be wrong before long: codes with their parameters. Raises ConfigurationError."""
        days = check_own_certificate(self._channel, self._now())
        return [("tls.certificate_expires_soon", {"days": days})] if days <= DAYS_OF_WARNING else []

    async def reaches(self, consignment: Consignment) -> Reach:
        """Says whether e-Boks carries this and the recipient gets it there (facts/eboks c, "Rules").

        A mandatory material is delivered to everybody and asks nobody; neither does one that may wait in the
        mailbox. Raises Transient or ConfigurationError.
        """
        material = self._material(consignment)
        code = self._obstacle(consignment)
        if code or material is None:
            return Reach(False, code or "eboks.no_material")
        if material.delivery == "mandatory" or material.wait_in_mailbox:
            return Reach(True)
        return await self._enrolments.reach(consignment.recipient, material.content_type_id)

    async def send(self, consignment: Consignment, message_id: str) -> Receipt:
        """Hands a letter over under `message_id`; the same consignment always gives the same bytes.

        Raises the four SendErrors, or ConfigurationError with nothing taken.
        """
        material = self._material(consignment)
        code = self._obstacle(consignment)
        if code or material is None:
            if consignment.earlier_unknown:
                # Settings that changed since say nothing about what e-Boks may have taken before.
                raise InDoubt(code or "eboks.no_material", needs_person=True)
            raise Unreachable(code or "eboks.no_material")
        path = (
            f"/int/rest/srv.svc/3/dispatchsystem/{self._channel.system_id}"
            f"/dispatches/{quote(message_id, safe='')}"
        )
        # A letter is read and built only when its turn has come, so that few lie in memory at once.
        async with self._room, self._pace.turn():
            body = self._body(consignment, material)
            reply = self._own_world(await self._wire.put(path, body, "application/xml"))
        try:
            return self._judge(reply, consignment, message_id)
        except (Unreachable, Refused):
            self._enrolments.forget(consignment.recipient)
            raise

    async def find(self, message_id: str) -> Receipt | None:
        """Raises CannotTell: doubt is cleared by sending the same id and bytes again."""
        raise CannotTell("eboks.no_read_back")

    async def receipts(self, cursor: Cursor) -> AsyncIterator[ReceiptEvent]:
        """Asks the proxy about what is awaited, at most 50 ids a call; the direct profile has no later word.

        Raises Transient or ConfigurationError.
        """
        if self._channel.profile != "proxy":
            return
        for start in range(0, len(cursor.awaiting), MAX_IDS_A_POLL):
            for event in await self._poll(cursor.awaiting[start : start + MAX_IDS_A_POLL]):
                yield event

    async def close(self) -> None:
        """Closes the connections."""
        if "_wire" in self.__dict__:
            await self._wire.close()

    # --- parts made at their first use

    @cached_property
    def _wire(self) -> Wire:
        from eboks.wire import Wire

        channel = self._channel
        return Wire(
            channel.url,
            lambda: self._identity.context(),
            parallel=channel.parallel,
            deadline_seconds=channel.deadline_seconds,
            max_reply_bytes=channel.max_reply_bytes,
        )

    @cached_property
    def _identity(self) -> OwnIdentity:
        """What gives every connection its TLS context."""
        channel = self._channel
        return OwnIdentity(channel.certificate, channel.key, channel.ca, self._demand_fit)

    def _demand_fit(self) -> None:
        """Raises ConfigurationError unless the address fits the house's mode and our certificate holds."""
        demand_fitting_host(self._channel.url, simulated=self._simulated)
        # A server may cut the handshake without a word; our own expired certificate is told before it can.
        check_own_certificate(self._channel, self._now())

    @cached_property
    def _verdicts(self) -> Verdicts:
        return verdict_table(self._channel.verdicts, simulated=self._simulated)

    # --- sending

    def _material(self, consignment: Consignment) -> EboksMaterial | None:
        material = self._materials.get(consignment.material)
        return material.eboks if material else None

    def _obstacle(self, consignment: Consignment) -> str:
        """Returns why this channel can't carry the documents, empty when it can."""
        if len(consignment.documents) > 1 and not self._channel.attachments:
            return "eboks.attachments_not_supported"
        if any(one.extension.lower() not in self.limits.extensions for one in consignment.documents):
            return "eboks.extension_not_carried"
        return "eboks.too_large" if consignment.n_bytes > self.limits.max_bytes else ""

    def _body(self, consignment: Consignment, material: EboksMaterial) -> bytes:
        main, *attachments = (self._enclosure(consignment, one) for one in consignment.documents)
        return build_dispatch(
            consignment.recipient, material.content_type_id, consignment.title, main, attachments
        )

    def _enclosure(self, consignment: Consignment, document: Document) -> Enclosure:
        return Enclosure(self._documents.read(consignment, document), document.extension, document.name)

    def _judge(self, reply: Reply, consignment: Consignment, message_id: str) -> Receipt:
        if reply.status in self._channel.duplicate_statuses:
            return self._already(reply, consignment, message_id)
        if not 200 <= reply.status < 300:
            raise objection(reply, self._verdicts, self._now())
        if not reply.whole_request:
            raise InDoubt("http.early_answer", status=reply.status)
        direct = self._channel.profile == "direct"
        if reply.fault and not (direct and reply.fault in _BODY_FAULTS):
            raise InDoubt(reply.fault, status=reply.status)
        taken = Taken(message_id, final=True)
        if not direct:
            taken = read_taken(reply.body, message_id, consignment.recipient.number.digits)
        return self._receipt(reply, taken)

    def _already(self, reply: Reply, consignment: Consignment, message_id: str) -> Receipt:
        """Reads "id already used": ours when an earlier try may have arrived (design 4.4)."""
        if not consignment.earlier_unknown:
            raise InDoubt("eboks.id_conflict", needs_person=True, status=reply.status)
        final = self._channel.profile == "direct"
        return self._receipt(reply, Taken(message_id, final, "eboks.already_accepted"))

    def _receipt(self, reply: Reply, taken: Taken) -> Receipt:
        return Receipt(
            channel=self.name,
            external_id=taken.external_id,
            at=self._now(),
            final=taken.final,
            proof=reply.proof,
            simulated=self._simulated,
            code=taken.code,
        )

    # --- asking

    async def _ask(self, path_and_query: str) -> Reply:
        async with self._pace.turn():
            return self._own_world(await self._wire.get(path_and_query))

    def _own_world(self, reply: Reply) -> Reply:
        """Returns the reply; raises ConfigurationError when a simulator answers a live house."""
        if not self._simulated and _SIMULATOR_MARK in reply.headers:
            raise ConfigurationError("eboks.simulator_in_live")
        return reply

    async def _poll(self, ids: tuple[str, ...]) -> list[ReceiptEvent]:
        query = urlencode([("message_id", one) for one in ids])
        reply = await self._ask(f"/rest/messages/{self._channel.client_id}/?{query}")
        if not 200 <= reply.status < 300:
            error = objection(reply, self._verdicts, self._now())
            if isinstance(error, Transient | ConfigurationError):
                raise error
            raise Transient("eboks.poll_refused", status=reply.status)
        if reply.fault:
            raise Transient("eboks.unreadable_status")
        at, proof = self._now(), reply.proof
        return [
            ReceiptEvent(self.name, word.external_id, word.kind, at, word.code, proof)
            for word in read_later_word(reply.body, frozenset(ids))
        ]


def build(
    name: str,
    channel: EboksChannel,
    materials: Mapping[str, MaterialSettings],
    documents: DocumentReader,
    enrolments: EnrolmentCache,
    now: Callable[[], datetime],
    simulated: bool,
) -> EboksRest:
    """Returns the channel of one `[channels.<name>]`; opens and reads nothing yet."""
    return EboksRest(name, channel, materials, documents, enrolments, now, simulated=simulated)
