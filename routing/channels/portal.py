"""The channel `portal`: seals a consignment into the portal's store and sends a notice with a link.

Relies on `routing.portal` and on a carrier for the notice. A message is taken once the notice was accepted;
doubt is cleared by asking the store, for the same notice twice does no harm: it is one link to one parcel.
Whatever makes the route go on destroys the parcel first, so that no document lies in two places. Serves no
page: see `routing.portal.web`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256

from routing.channels.paced_carrier import PacedCarrier
from routing.portal.delivery import Carrier
from routing.portal.keys import read_key, read_keys
from routing.portal.later_word import told
from routing.portal.packing import (
    BUILT_IN,
    Contact,
    Contents,
    Packer,
    PortalRules,
    contact_of,
    possible_methods,
    reachable_by_mail,
)
from routing.portal.parcels import Happening, Parcel, ParcelState, PortalEvent
from routing.portal.reply_box import read_public_key
from routing.portal.store import PortalStore
from routing.portal.upkeep import Upkeep, UpkeepResult
from schemas.channels import Cursor, DocumentReader, Limits, Protection, Reach
from schemas.consignments import Consignment, Receipt, ReceiptEvent
from schemas.errors import (
    ConfigurationError,
    InDoubt,
    Refused,
    ServiceDown,
    Transient,
    Unreachable,
)
from schemas.portal_settings import PortalChannel

EVENTS_A_TIME = 1000
Returned = Callable[[Collection[str]], Mapping[str, str]]
"""Reads which of these mails, by their Message-IDs, came back, and the code of why."""


@dataclass(frozen=True, slots=True)
class PortalParts:
    """What the channel is made from besides its settings.

    `returned` is None where no reports are read: then a notice that a server took has arrived.
    """

    rules: Mapping[str, PortalRules]
    documents: DocumentReader
    carrier: Carrier
    open_store: Callable[[], PortalStore]
    from_address: str
    now: Callable[[], datetime]
    upkeep: Callable[[PortalStore, Packer, Carrier], Upkeep]
    available: frozenset[str] = BUILT_IN
    returned: Returned | None = None
    simulated: bool = False


class PortalDispatch:
    """A `schemas.channels.Channel`; belongs to one event loop."""

    protection = Protection.PORTAL
    idempotent = False
    one_side = False

    def __init__(self, name: str, settings: PortalChannel, parts: PortalParts) -> None:
        self.name = name
        self.limits = Limits(
            settings.max_bytes,
            frozenset(extension.lower() for extension in settings.extensions),
            settings.parallel,
            settings.per_second,
        )
        self._carrier = PacedCarrier(parts.carrier, settings.per_second)
        self._settings = settings
        self._parts = parts
        self._last_upkeep = UpkeepResult()

    @cached_property
    def store(self) -> PortalStore:
        """The portal's store, opened when it is first asked for."""
        return self._parts.open_store()

    @cached_property
    def packer(self) -> Packer:
        """What seals for this channel; reads the keys."""
        settings = self._settings
        keys = read_keys(settings.key, settings.former_keys)
        link_key = read_key(settings.link_key)
        parts = self._parts
        return Packer(self.name, settings, parts.rules, keys, link_key, parts.from_address, parts.available)

    def check(self) -> None:
        """Looks at keys, database, the sources' reply keys and the materials' identity methods."""
        if not reachable_by_mail(self._parts.from_address):
            raise ConfigurationError("portal.no_from_address", channel=self.name)
        for material, rules in self._parts.rules.items():
            if "mail_code" in rules.portal.identity and rules.data_class != "ordinary":
                raise ConfigurationError("portal.mail_code_class", material=material)
        for path in self._settings.reply_keys.values():
            read_public_key(path)
        for brand in self._settings.brands.values():
            if brand.logo is not None and not brand.logo.is_file():
                raise ConfigurationError("portal.no_logo", file=brand.logo.name)
        _ = self.packer
        try:
            self.store.parcels.events(limit=1)
        except ServiceDown as error:
            raise ConfigurationError(error.code, **error.params) from None

    def findings(self) -> Sequence[tuple[str, Mapping[str, object]]]:
        """Returns what the last upkeep left undone."""
        return self._last_upkeep.findings

    def message_id(self, seed: str) -> str:
        """Returns the message id of a seed; it becomes a part of the notice's Message-ID."""
        return f"portal-{sha256(f'portal|{self.name}|{seed}'.encode()).hexdigest()[:32]}"

    async def reaches(self, consignment: Consignment) -> Reach:
        """Needs a mail address, one identity method that this recipient can use, and what it may carry."""
        if any(one.extension.lower() not in self.limits.extensions for one in consignment.documents):
            return Reach(False, "portal.extension_not_carried")
        if consignment.n_bytes > self.limits.max_bytes:
            return Reach(False, "portal.documents_too_large")
        rules = self._parts.rules.get(consignment.material)
        if rules is None:
            return Reach(False, "portal.no_material")
        contact = contact_of(consignment, rules)
        if not reachable_by_mail(contact.email):
            return Reach(False, "portal.no_address")
        methods = possible_methods(contact, rules, self._parts.available)
        if not methods:
            return Reach(False, "portal.no_identity", params={"identity": ", ".join(rules.portal.identity)})
        return Reach(True, evidence=({"identity": ", ".join(methods)},))

    async def send(self, consignment: Consignment, message_id: str) -> Receipt:
        """Seals, keeps and sends the notice; a parcel that is there already only gets its notice again."""
        reach = await self.reaches(consignment)
        if not reach.reached:
            raise Unreachable(reach.code, **reach.params)
        try:
            parcel = await asyncio.to_thread(self._sealed, consignment, message_id)
        except ServiceDown as error:
            raise Transient(error.code, reached=False) from None
        if parcel.notice_at is not None:
            return self._receipt(parcel, {}, code="portal.already_accepted")
        evidence = await self._notify(parcel)
        try:
            await asyncio.to_thread(self.store.parcels.set_notice, parcel.id)
        except ServiceDown as error:
            raise InDoubt(error.code) from None
        return self._receipt(parcel, evidence)

    async def find(self, message_id: str) -> Receipt | None:
        """Asks the store: a parcel whose notice was accepted is a receipt, any other is to be sent again."""
        try:
            parcel = await asyncio.to_thread(self.store.parcels.by_message, message_id)
        except ServiceDown as error:
            raise Transient(error.code, reached=False) from None
        if parcel is None or parcel.notice_at is None:
            return None
        return self._receipt(parcel, {}, code="portal.already_accepted")

    async def tend(self) -> None:
        """Does the upkeep: replies fetched, parcels ended whose time is over, reminders, old rows."""
        try:
            self._last_upkeep = await self._parts.upkeep(self.store, self.packer, self._carrier).run()
        except ServiceDown as error:
            raise Transient(error.code, reached=False) from None

    async def receipts(self, cursor: Cursor) -> AsyncIterator[ReceiptEvent]:
        """Yields what happened, in its order: what moves a consignment, and what is only to be noted.

        With `awaiting` the whole story of those messages, else the log of all of them. Replayable:
        `position` is the number of the last event read. The numbers follow the commits, so none is missed.
        """
        try:
            await asyncio.to_thread(self._take_bounces, cursor.awaiting)
            after = int(cursor.position or 0)
            while events := await asyncio.to_thread(self.history, after, cursor.awaiting):
                for event in events:
                    yield told(event, self.name, self._settings)
                after = events[-1].seq
        except ServiceDown as error:
            raise Transient(error.code, reached=False) from None

    def history(self, after: int = 0, message_ids: Sequence[str] = ()) -> list[PortalEvent]:
        """Returns events with numbers above `after`, of these messages only if any are given."""
        return self.store.parcels.events(after, message_ids or None, EVENTS_A_TIME)

    def bounced(self, message_id: str, code: str = "") -> bool:
        """Takes word that a notice did not arrive; an unread parcel is withdrawn, so the route goes on."""
        parcel = self.store.parcels.by_message(message_id)
        if parcel is None or parcel.state is not ParcelState.OPEN:
            return False
        self.store.parcels.note(parcel.id, Happening.NOTICE_BOUNCED, code)
        return parcel.read_at is None and self.store.parcels.end(
            parcel.id, ParcelState.WITHDRAWN, "notice_bounced"
        )

    async def close(self) -> None:
        """Takes leave of the mail servers, and closes the store if it was opened."""
        await self._carrier.close()
        store = self.__dict__.pop("store", None)
        if store is not None:
            store.close()

    # --- for the operator

    def renew(
        self, parcel: Parcel, consignment: Consignment, contact: Contact, detail: str = ""
    ) -> Parcel | None:
        """Seals an open parcel again from the ledger's copy, under a new link; None when it has ended.

        Raises ConfigurationError `portal.copy_gone` where the copy is gone.
        """
        try:
            contents = self._contents(consignment)
            if len(contents.data) != parcel.n_documents:  # the ledger has forgotten them: no empty letter
                raise ConfigurationError("portal.copy_gone")
        except ConfigurationError:
            raise ConfigurationError("portal.copy_gone") from None
        key = self._reply_key(consignment.source)
        fresh, chunks = self.packer.pack(
            parcel.message_id, contents, contact, self._parts.now(), key, before=parcel
        )
        if not fresh.methods:
            raise ConfigurationError("portal.no_way_to_prove")
        return fresh if self.store.parcels.renew(fresh, chunks, detail) else None

    async def notify_again(self, parcel: Parcel) -> None:
        """Sends a parcel's notice, after `renew`."""
        letter = self.packer.notice(parcel)
        await self._carrier.deliver(letter.recipient, letter.data, letter.message_id)
        await asyncio.to_thread(self.store.parcels.set_notice, parcel.id)

    # --- inside

    def _take_bounces(self, message_ids: Sequence[str]) -> None:
        """Takes the reports of notices and reminders that came back: of each message's newest link alone.

        A link that was sent again to a right address is not ended by the report of the wrong one.
        """
        if self._parts.returned is None or not message_ids:
            return
        notices = self.packer.notice_ids(self.store.parcels.generations(message_ids))
        for notice_id, code in self._parts.returned(notices).items():
            self.bounced(notices[notice_id], code)

    def _sealed(self, consignment: Consignment, message_id: str) -> Parcel:
        """Returns the parcel of this message, sealing it if it is not there."""
        held = self.store.parcels.by_message(message_id)
        if held is None:
            self._seal(consignment, message_id)
            held = self.store.parcels.by_message(message_id)
        if held is None or held.content_mark != self.packer.content_mark(consignment):
            raise InDoubt("portal.id_conflict", needs_person=True)
        if held.state is ParcelState.WITHDRAWN and held.notice_at is None:
            self.store.parcels.remove(held.id)  # never arrived: its link was destroyed with it
            return self._sealed(consignment, message_id)
        if held.state is ParcelState.WITHDRAWN:
            raise Unreachable("portal.notice_bounced")
        if held.state is not ParcelState.OPEN and held.notice_at is None:
            raise Refused("portal.revoked")
        return held

    def _seal(self, consignment: Consignment, message_id: str) -> None:
        rules = self._parts.rules[consignment.material]
        contact = contact_of(consignment, rules)
        key = self._reply_key(consignment.source)
        parcel, chunks = self.packer.pack(
            message_id, self._contents(consignment), contact, self._parts.now(), key
        )
        self.store.parcels.add(parcel, chunks)

    def _contents(self, consignment: Consignment) -> Contents:
        read = self._parts.documents.read
        return Contents(consignment, tuple(read(consignment, one) for one in consignment.documents))

    def _reply_key(self, source: str) -> bytes:
        path = self._settings.reply_keys.get(source)
        return b"" if path is None else read_public_key(path)

    async def _notify(self, parcel: Parcel) -> Mapping[str, str]:
        letter = self.packer.notice(parcel)
        try:
            return await self._carrier.deliver(letter.recipient, letter.data, letter.message_id)
        except (Unreachable, Refused):
            await asyncio.to_thread(self.store.parcels.end, parcel.id, ParcelState.WITHDRAWN, "no_notice")
            raise

    def _receipt(self, parcel: Parcel, evidence: Mapping[str, str], code: str = "") -> Receipt:
        proof = {
            "identity": ", ".join(parcel.methods),
            "link_sha256": sha256(parcel.locator).hexdigest()[:16],
            "expires_at": parcel.expires_at.isoformat(timespec="seconds"),
        }
        return Receipt(
            self.name,
            parcel.message_id,
            self._parts.now(),
            final=False,
            proof=proof | dict(evidence),
            simulated=self._parts.simulated,
            code=code,
        )
