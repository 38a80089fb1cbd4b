"""Packs a consignment into a parcel: decides who may open it and how, seals it, and makes its notice.

Relies on `sealing`, `links` and `notices`. Pure but for random keys: keeps and sends nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from routing.mime.addresses import parse_address
from routing.portal.keys import PortalKeys, Secret
from routing.portal.links import LinkToken, make_token
from routing.portal.mobile_numbers import e164
from routing.portal.notices import Letter, Stationery, notice, reminder, reminder_stem
from routing.portal.parcel_rows import SealedChunk
from routing.portal.parcels import Parcel
from routing.portal.sealing import DataKey, Envelope, Paper, Person, new_data_key
from routing.portal.shared_secret import fit_secret, hash_secret
from schemas.consignments import Consignment
from schemas.errors import BadInput
from schemas.policy import DataClass
from schemas.portal_settings import MaterialPortal, PortalChannel

BUILT_IN = frozenset({"shared_secret", "mail_code"})
"""The identity methods that need nothing set up."""


@dataclass(frozen=True, slots=True)
class PortalRules:
    """What the settings say of a material: its class, and `[materials.<name>.portal]`."""

    data_class: DataClass
    portal: MaterialPortal = field(default_factory=MaterialPortal)


@dataclass(frozen=True, slots=True)
class Contact:
    """Where a recipient is reached and what they were told; corrected by an operator where it was wrong."""

    email: str = field(repr=False)
    mobile: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Contents:
    """The plain bytes of a consignment's documents, in order; in memory only."""

    consignment: Consignment
    data: tuple[bytes, ...] = field(repr=False)


class Packer:
    """Packs for one channel of the settings."""

    def __init__(
        self,
        name: str,
        settings: PortalChannel,
        rules: Mapping[str, PortalRules],
        keys: PortalKeys,
        link_key: Secret,
        from_address: str,
        available: Collection[str],
    ) -> None:
        self._available = available
        self._name = name
        self._settings = settings
        self._rules = rules
        self._keys = keys
        self._link_key = link_key
        self._from = from_address

    def pack(
        self,
        message_id: str,
        contents: Contents,
        contact: Contact,
        now: datetime,
        reply_key: bytes,
        before: Parcel | None = None,
    ) -> tuple[Parcel, Iterator[SealedChunk]]:
        """Returns a sealed parcel and its chunks; with `before`, the same parcel anew under a new link."""
        consignment = contents.consignment
        rules = self._rules[consignment.material]
        generation = 0 if before is None else before.generation + 1
        token = make_token(self._link_key, message_id, generation)
        parcel_id = before.id if before is not None else os.urandom(16).hex()
        key = new_data_key(parcel_id)
        days = rules.portal.expiry_days or self._settings.expiry_days
        portal = self._keys.current
        parcel = Parcel(
            id=parcel_id,
            message_id=message_id,
            consignment_id=consignment.id,
            channel=self._name,
            source=consignment.source,
            material=consignment.material,
            data_class=rules.data_class,
            methods=tuple(possible_methods(contact, rules, self._available)),
            replies=rules.portal.replies and bool(reply_key),
            reply_key=reply_key,
            content_mark=self.content_mark(consignment),
            locator=token.locator,
            key_id=portal.id,
            wrapped_key=key.wrap(portal, token.secret),
            envelope=b"",
            notice_box=self._notice_box(message_id, contact),
            n_documents=len(contents.data),
            created_at=before.created_at if before is not None else now,
            renewed_at=now,
            expires_at=before.expires_at if before is not None else now + timedelta(days=days),
            generation=generation,
            notice_at=before.notice_at if before is not None else None,
            read_at=before.read_at if before is not None else None,
        )
        sealed = key.seal_envelope(_envelope(contents, contact, rules), parcel.terms)
        return replace(parcel, envelope=sealed), _chunks(key, contents.data)

    def notice(self, parcel: Parcel) -> Letter:
        """Returns the parcel's notice: the same bytes each time."""
        return notice(*self._parts(parcel), parcel.renewed_at, parcel.expires_at)

    def reminder(self, parcel: Parcel, now: datetime) -> Letter:
        """Returns a reminder with the same link."""
        return reminder(*self._parts(parcel), now, parcel.expires_at)

    def notice_ids(self, generations: Mapping[str, int]) -> Mapping[str, str]:
        """Returns the Message-IDs of each message's newest notice and of its reminder → the message."""
        paper = self.stationery("default")
        stems = {_stem(*one): one[0] for one in generations.items()}
        stems |= {reminder_stem(stem): message_id for stem, message_id in stems.items()}
        return {f"<{paper.message_id(stem)}>": message_id for stem, message_id in stems.items()}

    def content_mark(self, consignment: Consignment) -> bytes:
        """Returns a keyed mark of what a message holds and for whom: the same id must mean the same."""
        hashes = [one.sha256.encode() for one in consignment.documents]
        number = consignment.recipient.number.digits.encode()
        return self._link_key.derive("content", number, consignment.material.encode(), *hashes)

    def token(self, parcel: Parcel) -> LinkToken:
        """Returns the token of a parcel's link as it is now."""
        return make_token(self._link_key, parcel.message_id, parcel.generation)

    def link(self, parcel: Parcel) -> str:
        """Returns the address that stands in the notice."""
        return f"{self._settings.url}/b/{self.token(parcel).text}"

    def stationery(self, source: str) -> Stationery:
        """Returns how a source's mails look."""
        return Stationery(self._from, self._settings.brand(source))

    def _parts(self, parcel: Parcel) -> tuple[Stationery, str, str, str]:
        box = self._link_key.unseal(parcel.notice_box, "notice", parcel.message_id.encode())
        stem = _stem(parcel.message_id, parcel.generation)
        return self.stationery(parcel.source), json.loads(box)["email"], self.link(parcel), stem

    def _notice_box(self, message_id: str, contact: Contact) -> bytes:
        """Seals the address for notices to come; the web application has no key to it."""
        return self._link_key.seal(
            json.dumps({"email": contact.email}).encode(), "notice", message_id.encode()
        )


def _stem(message_id: str, generation: int) -> str:
    return f"{message_id}.{generation}"


def contact_of(consignment: Consignment, rules: PortalRules) -> Contact:
    """Returns what the index says of the recipient."""
    recipient = consignment.recipient
    secret = consignment.extra.get(rules.portal.secret_column, "") if rules.portal.secret_column else ""
    return Contact(recipient.email.strip(), recipient.mobile.strip(), secret)


def possible_methods(contact: Contact, rules: PortalRules, available: Collection[str]) -> list[str]:
    """Returns the material's methods that this recipient can use, in order; `available` are set up here."""
    fits = {
        "mitid": True,  # every recipient has a number
        "sms": bool(e164(contact.mobile)),
        "shared_secret": fit_secret(contact.secret),
        "mail_code": rules.data_class == "ordinary",
    }
    return [name for name in rules.portal.identity if name in available and fits[name]]


def reachable_by_mail(email: str) -> bool:
    """Says whether an address can be written to at all."""
    try:
        parse_address(email)
    except BadInput:
        return False
    return True


def _envelope(contents: Contents, contact: Contact, rules: PortalRules) -> Envelope:
    consignment = contents.consignment
    papers = tuple(
        Paper(place, one.name, one.media_type, one.n_bytes, one.sha256)
        for place, one in enumerate(consignment.documents)
    )
    wanted = "shared_secret" in rules.portal.identity and fit_secret(contact.secret)
    person = Person(
        kind=consignment.recipient.kind.value,
        number=consignment.recipient.number.digits,
        email=contact.email,
        mobile=contact.mobile,
        secret_hash=hash_secret(contact.secret) if wanted else "",
        hints={"da": rules.portal.secret_hint_da, "en": rules.portal.secret_hint_en},
    )
    return Envelope(consignment.title, consignment.reference, papers, person)


def _chunks(key: DataKey, data: Sequence[bytes]) -> Iterator[SealedChunk]:
    for ordinal, one in enumerate(data):
        for number, chunk in enumerate(key.seal_paper(ordinal, one)):
            yield ordinal, number, chunk
