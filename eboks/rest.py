"""The channel to e-Boks over REST v3: one PUT per letter under an id of ours, and what the answer means.

Relies on `channel_base` for all that both channels share, and on the body builder and the look-up of this
package. Doubt is cleared by sending the same again (design 4.4). Source: facts/eboks a.0–a.2, c and e.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote, urlencode

from eboks.channel_base import MailboxChannel
from eboks.dispatch_body import build_dispatch
from eboks.proxy_replies import read_later_word, read_taken
from eboks.replies import Reply
from eboks.rest_enrolment import RestLookup
from eboks.verdicts import objection
from schemas.channels import Cursor
from schemas.consignments import Consignment, Receipt, ReceiptEvent
from schemas.eboks_settings import EboksChannel, EboksMaterial
from schemas.errors import CannotTell, ConfigurationError, InDoubt, Transient

MAX_IDS_A_POLL = 50
# Faults of a reply's body that leave no doubt about its head: where only the head counts, so does the reply.
_BODY_FAULTS = frozenset({"", "http.reply_too_large", "http.reply_encoded"})


class EboksRest(MailboxChannel[EboksChannel]):
    """A `schemas.channels.Channel`; belongs to one event loop."""

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

    def _knows_ids_again(self) -> bool:
        return True

    def _lookup(self) -> RestLookup:
        return RestLookup(
            self._channel.system_id,
            self._ask,
            absent=self._channel.enrolment_absent,
            verdicts=lambda: self._verdicts,
            now=self._now,
        )

    def _carries_attachments(self) -> bool:
        return self._channel.attachments

    async def _post(self, consignment: Consignment, material: EboksMaterial, message_id: str) -> Reply:
        main, *attachments = self._enclosures(consignment)
        body = build_dispatch(
            consignment.recipient, material.content_type_id, consignment.title, main, attachments
        )
        path = (
            f"/int/rest/srv.svc/3/dispatchsystem/{self._channel.system_id}"
            f"/dispatches/{quote(message_id, safe='')}"
        )
        return await self._wire.put(path, body, "application/xml")

    def _judge(self, reply: Reply, consignment: Consignment, message_id: str) -> Receipt:
        direct = self._channel.profile == "direct"
        if reply.status in self._channel.duplicate_statuses:
            return self._already(reply, consignment, message_id, final=direct)
        if not 200 <= reply.status < 300:
            raise objection(reply, self._verdicts, self._now())
        if not reply.whole_request:
            raise InDoubt("http.early_answer", status=reply.status)
        if reply.fault and not (direct and reply.fault in _BODY_FAULTS):
            raise InDoubt(reply.fault, status=reply.status)
        if direct:
            return self._receipt(reply, message_id, final=True)
        taken = read_taken(reply.body, message_id, consignment.recipient.number.digits)
        return self._receipt(reply, taken.external_id, final=taken.final, code=taken.code)

    # --- asking

    async def _ask(self, path_and_query: str) -> Reply:
        async with self._pace.turn():
            return self._own_world(await self._wire.get(path_and_query))

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
