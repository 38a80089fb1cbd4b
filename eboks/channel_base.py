"""What every channel to e-Boks shares: its limits, its look at the set-up, its wire, and the way of a letter.

Relies on the wire, the look-up service and the verdicts of this package. What a letter looks like under way
and what an answer means is for the subclass: `rest` and `soap.channel`. Reads documents through the reader it
is given and keeps nothing of them. Never tries another channel and never makes a new id.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from eboks.enclosures import Enclosure
from eboks.enrolment import EnrolmentLookup, enrolments_for
from eboks.own_identity import OwnIdentity
from eboks.pace import Pace
from eboks.replies import Reply
from eboks.rest_check import check_own_certificate, contact, demand_fitting_host
from eboks.tls import DAYS_OF_WARNING
from eboks.verdicts import Verdicts, verdict_table
from schemas.channels import Cursor, DocumentReader, EnrolmentCache, Limits, Protection, Reach
from schemas.consignments import Consignment, Receipt, ReceiptEvent
from schemas.eboks_settings import EboksMaterial, EboksSettings
from schemas.errors import ConfigurationError, InDoubt, Refused, Unreachable
from schemas.settings import MaterialSettings

if TYPE_CHECKING:
    from eboks.wire import Wire

S = TypeVar("S", bound=EboksSettings)

_SIMULATOR_MARK = "x-brevdue-simulator"


class MailboxChannel(ABC, Generic[S]):
    """The common part of a `schemas.channels.Channel` to e-Boks; belongs to one event loop."""

    protection = Protection.MAILBOX
    one_side = True

    def __init__(
        self,
        name: str,
        channel: S,
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
        self.idempotent = self._knows_ids_again()
        self.enrolments = enrolments_for(name, channel, self._lookup(), enrolments)

    @abstractmethod
    def _knows_ids_again(self) -> bool:
        """Says whether e-Boks tells an id that was used already from a new one."""

    @abstractmethod
    def _lookup(self) -> EnrolmentLookup:
        """Returns what asks e-Boks about a recipient; made before anything else, asks nothing yet."""

    @abstractmethod
    def _carries_attachments(self) -> bool:
        """Says whether a letter may have more than its main document."""

    @abstractmethod
    async def find(self, message_id: str) -> Receipt | None:
        """Clears doubt or raises CannotTell; see `schemas.channels.Channel`."""

    @abstractmethod
    def receipts(self, cursor: Cursor) -> AsyncIterator[ReceiptEvent]:
        """Yields later word; see `schemas.channels.Channel`."""

    @abstractmethod
    async def _post(self, consignment: Consignment, material: EboksMaterial, message_id: str) -> Reply:
        """Puts a letter on the wire and returns what came back."""

    @abstractmethod
    def _judge(self, reply: Reply, consignment: Consignment, message_id: str) -> Receipt:
        """Returns the receipt that an answer is; raises what it is instead."""

    def message_id(self, seed: str) -> str:
        """Returns the id at e-Boks: our system id in six digits, then the seed (facts/eboks a.1, b.2)."""
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

        Raises Transient or ConfigurationError.
        """
        material = self._material(consignment)
        code = self._obstacle(consignment)
        if code or material is None:
            return Reach(False, code or "eboks.no_material")
        return await self.enrolments.reach(consignment.recipient, material)

    def rejected_lately(self, consignment: Consignment) -> Reach | None:
        """Returns what e-Boks said of the recipient when it turned such a letter down within a day."""
        material = self._material(consignment)
        return self.enrolments.rejected(consignment.recipient, material) if material else None

    async def send(self, consignment: Consignment, message_id: str) -> Receipt:
        """Hands a letter over under `message_id`; the same consignment always gives the same message.

        Raises the four SendErrors, or ConfigurationError with nothing taken.
        """
        material = self._material(consignment)
        code = self._obstacle(consignment)
        if code or material is None:
            if consignment.earlier_unknown:
                # Settings that changed since say nothing about what e-Boks may have taken before.
                raise InDoubt(code or "eboks.no_material", needs_person=True)
            raise Unreachable(code or "eboks.no_material")
        # A letter is read and built only when its turn has come, so that few lie in memory at once.
        async with self._room, self._pace.turn():
            reply = self._own_world(await self._post(consignment, material, message_id))
        try:
            return self._judge(reply, consignment, message_id)
        except (Unreachable, Refused) as error:
            self.enrolments.forget(consignment.recipient)
            self.enrolments.learn(consignment.recipient, material, error.code)
            raise

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

    # --- for the subclass

    def _enclosures(self, consignment: Consignment) -> list[Enclosure]:
        """Reads the documents, the main one first."""
        return [
            Enclosure(self._documents.read(consignment, one), one.extension, one.name)
            for one in consignment.documents
        ]

    def _already(self, reply: Reply, consignment: Consignment, message_id: str, *, final: bool) -> Receipt:
        """Reads "id already used": ours when an earlier try may have arrived (design 4.4)."""
        if not consignment.earlier_unknown:
            raise InDoubt("eboks.id_conflict", needs_person=True, status=reply.status)
        return self._receipt(reply, message_id, final=final, code="eboks.already_accepted")

    def _receipt(self, reply: Reply, external_id: str, *, final: bool, code: str = "") -> Receipt:
        return Receipt(
            channel=self.name,
            external_id=external_id,
            at=self._now(),
            final=final,
            proof=reply.proof,
            simulated=self._simulated,
            code=code,
        )

    def _own_world(self, reply: Reply) -> Reply:
        """Returns the reply; raises ConfigurationError when a simulator answers a live house."""
        if not self._simulated and _SIMULATOR_MARK in reply.headers:
            raise ConfigurationError("eboks.simulator_in_live")
        return reply

    # --- what can be carried

    def _material(self, consignment: Consignment) -> EboksMaterial | None:
        material = self._materials.get(consignment.material)
        return material.eboks if material else None

    def _obstacle(self, consignment: Consignment) -> str:
        """Returns why this channel can't carry the documents, empty when it can."""
        if len(consignment.documents) > 1 and not self._carries_attachments():
            return "eboks.attachments_not_supported"
        if any(one.extension.lower() not in self.limits.extensions for one in consignment.documents):
            return "eboks.extension_not_carried"
        return "eboks.too_large" if consignment.n_bytes > self.limits.max_bytes else ""
