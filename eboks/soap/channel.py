"""The channel to e-Boks over SOAP: one POST per letter under an id of ours, and what the answer means.

Relies on `channel_base` for all that both channels share, on `contract` for the envelopes, on `answers` and
`faults` for the replies. SOAP has no "already used" of its own and nothing to read a letter back by: without
a duplicate fault in the settings the channel is not idempotent, and doubt is cleared as `when_in_doubt` says
(design 4.4). Source: facts/eboks b.2, a.5 and e.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from eboks.channel_base import MailboxChannel
from eboks.enclosures import Enclosure, fit_extension, fit_name, fit_title, in_base64
from eboks.replies import Reply, retry_after_seconds
from eboks.soap import sf1600
from eboks.soap.answers import Answer, Fault, Said, Unreadable, read_reply
from eboks.soap.faults import FaultTable, fault_table
from eboks.soap.lookup import SoapLookup, naming
from eboks.verdicts import Verdicts, objection
from schemas.channels import Cursor
from schemas.consignments import Consignment, Receipt, ReceiptEvent, Recipient, RecipientKind
from schemas.eboks_settings import EboksMaterial, EboksSoapChannel, SoapOperation
from schemas.errors import CannotTell, Coded, ConfigurationError, InDoubt, Refused, Transient

if TYPE_CHECKING:
    from eboks.soap.contract import Contract, Message
    from eboks.soap.seal import Seal

_STANDING = (
    "system_id",
    "service_agreement_uuid",
    "user_system_uuid",
    "user_uuid",
    "service_uuid",
    "kanalvalg",
    "prioritet",
    "bruger_navn",
)
_NOBODY = "0000000000"
_SAMPLE = {"message_id": "0" * 38, "material_id": "1", "title": "-", "extension": "pdf"}
_OF_THE_WAY = frozenset({401, 403, 404, 408, 413, 425, 429})


class EboksSoap(MailboxChannel[EboksSoapChannel]):
    """A `schemas.channels.Channel`; belongs to one event loop."""

    def check(self) -> None:
        """Looks at the contract, its fields and our seal as well; sends nothing. Raises as the base does."""
        self._try_out(self._sending, [b"AAAA"])
        if self._asking is not None:
            self._try_out(self._asking, [])
        if self._seal is not None:
            self._seal.check()
        super().check()

    async def find(self, message_id: str) -> Receipt | None:
        """Raises CannotTell: there is no read-back. It asks for one more sending where the settings do."""
        if self.idempotent:
            raise CannotTell("eboks.no_read_back")
        raise CannotTell("eboks.cannot_ask", send_once_more=self._channel.when_in_doubt == "resend_once")

    async def receipts(self, cursor: Cursor) -> AsyncIterator[ReceiptEvent]:
        """Yields nothing: this service has no later word that can be asked for."""
        later_word: tuple[ReceiptEvent, ...] = ()
        for event in later_word:
            yield event

    def _try_out(self, operation: SoapOperation, documents: Sequence[bytes], without: str = "") -> None:
        """Writes a message to nobody for each kind of recipient that an operation has a place for: what the
        contract wants and the fields do not give must be known before the first letter."""
        self._contract.demand(operation)
        for kind in RecipientKind:
            if operation.used & {"number", kind.value}:
                sample = {**self._standing_values, **_SAMPLE, "number": _NOBODY, kind.value: _NOBODY}
                sample.pop(without, None)
                self._contract.write(operation, sample, documents)

    # --- parts

    def _knows_ids_again(self) -> bool:
        return self._channel.knows_duplicates

    @cached_property
    def _sending(self) -> SoapOperation:
        return self._channel.send or sf1600.SEND

    @cached_property
    def _asking(self) -> SoapOperation | None:
        return self._channel.lookup or (None if self._channel.send else sf1600.LOOKUP)

    def _lookup(self) -> SoapLookup:
        return SoapLookup(self._asking, self._enrolled, lambda: self._asks_of_e_boks_as_such)

    @cached_property
    def _asks_of_e_boks_as_such(self) -> bool:
        """Says whether the contract lets one ask about a recipient without naming a material."""
        if self._asking is None:
            return False
        try:
            self._try_out(self._asking, [], without="material_id")
        except ConfigurationError:
            return False
        return True

    @cached_property
    def _contract(self) -> Contract:
        from eboks.soap.contract import Contract

        return Contract(self._channel.wsdl or sf1600.WSDL)

    @cached_property
    def _seal(self) -> Seal | None:
        channel = self._channel
        if channel.security != "signed" or channel.partner_certificate is None:
            return None
        from eboks.soap.seal import Seal

        return Seal(channel.certificate, channel.key, channel.partner_certificate, self._now)

    @cached_property
    def _faults(self) -> FaultTable:
        return fault_table(self._channel, simulated=self._simulated)

    @cached_property
    def _verdicts(self) -> Verdicts:
        return self._faults.numbers

    # --- sending

    def _carries_attachments(self) -> bool:
        return self._channel.attachments and "attachment" in self._sending.used

    def _obstacle(self, consignment: Consignment) -> str:
        if len(consignment.documents) > 1 + sf1600.MAX_ATTACHMENTS:
            return "eboks.attachments_not_supported"
        if not self._sending.used & naming(consignment.recipient):
            return "eboks.recipient_kind_not_carried"
        return super()._obstacle(consignment)

    async def _post(self, consignment: Consignment, material: EboksMaterial, message_id: str) -> Reply:
        main, *attachments = self._enclosures(consignment)
        message = self._contract.write(
            self._sending,
            {
                **self._standing_values,
                **_recipient_values(consignment.recipient),
                "message_id": message_id,
                "material_id": str(material.content_type_id),
                "title": fit_title(consignment.title),
                "extension": fit_extension(main),
            },
            [in_base64(one) for one in (main, *attachments)],
            [_attachment_values(nth, one) for nth, one in enumerate(attachments, start=1)],
        )
        return await self._call(message)

    def _judge(self, reply: Reply, consignment: Consignment, message_id: str) -> Receipt:
        said = self._read(reply)
        if isinstance(said, Fault) and self._faults.is_duplicate(said):
            return self._already(reply, consignment, message_id, final=True)
        if isinstance(said, Fault) or not 200 <= reply.status < 300:
            raise self._objection(reply, said)
        if not reply.whole_request:
            raise InDoubt("http.early_answer", status=reply.status)
        word = self._word(said, self._sending)
        if word is None:
            code = said.code if isinstance(said, Unreadable) else "eboks.unreadable_reply"
            raise InDoubt(code, status=reply.status)
        if not word:
            # A plain no: not taken, and nobody says why. After a try that may have arrived it may just as
            # well mean "I have that one already".
            if consignment.earlier_unknown:
                raise InDoubt("eboks.result_false", needs_person=True)
            raise Refused("eboks.result_false")
        # There is no later word to wait for: this yes is all the service ever says.
        return self._receipt(reply, message_id, final=True)

    # --- asking

    async def _enrolled(
        self, operation: SoapOperation, recipient: Recipient, material_id: int | None
    ) -> bool:
        """Asks one question; see `SoapLookup`."""
        values = {**self._standing_values, **_recipient_values(recipient)}
        if material_id is not None:
            values["material_id"] = str(material_id)
        message = self._contract.write(operation, values)
        async with self._pace.turn():
            reply = self._own_world(await self._call(message, changes_nothing=True))
        said = self._read(reply)
        if isinstance(said, Fault) or not 200 <= reply.status < 300:
            raise self._objection(reply, said)
        word = self._word(said, operation)
        if word is None:
            raise Transient("eboks.unreadable_enrolment")
        return word

    # --- for both

    @cached_property
    def _standing_values(self) -> dict[str, str]:
        """What is the same in every message."""
        return {name: str(getattr(self._channel, name)) for name in _STANDING}

    async def _call(self, message: Message, *, changes_nothing: bool = False) -> Reply:
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{message.action}"'}
        body = self._seal.put_on(message.body) if self._seal else message.body
        return await self._wire.post(self._channel.path, body, headers, changes_nothing=changes_nothing)

    def _read(self, reply: Reply) -> Said:
        return read_reply(reply, self._seal.broken if self._seal else None)

    def _objection(self, reply: Reply, said: Said) -> Coded:
        """Returns the error for an answer that is no yes and no no."""
        if not isinstance(said, Fault) or not _from_the_service(reply.status):
            return objection(reply, self._verdicts, self._now())
        asked = retry_after_seconds(reply.headers.get("retry-after"), self._now())
        return self._faults.objection(said, reply.status, asked)

    def _word(self, said: Said, operation: SoapOperation) -> bool | None:
        """Returns what an answer says; None when it says neither yes nor no."""
        if not isinstance(said, Answer):
            return None
        word = said.word(self._contract.answer(operation), operation.result)
        return True if word in operation.yes else False if word in operation.no else None


def _from_the_service(status: int) -> bool:
    """Says whether a fault of this HTTP status is the service's own word.

    SOAP 1.1 gives faults the status 500 (6.2), and some services 200 or 400. What comes with another one was
    written by something in between, which can't know what became of the letter: then the status counts.
    """
    return 200 <= status < 300 or (400 <= status <= 500 and status not in _OF_THE_WAY)


def _recipient_values(recipient: Recipient) -> dict[str, str | bytes]:
    word = "cpr" if recipient.kind is RecipientKind.CPR else "cvr"
    return {"number": recipient.number.digits, word: recipient.number.digits}


def _attachment_values(nth: int, one: Enclosure) -> dict[str, str | bytes]:
    return {
        "attachment_name": fit_name(one),
        "attachment_extension": fit_extension(one),
        "attachment_ordinal": str(nth),
    }
