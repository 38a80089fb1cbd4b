"""A portal for tests: its keys, its store and the dispatching side, on a clock that the test sets.

Relies on the real store, sealing and channel; the notices lie in a maildir. What a recipient holds is read
out of the mail, as a person would.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from eboks.simulator import person
from routing.channels.portal import PortalDispatch, PortalParts
from routing.portal.delivery import Carrier, MailFolder
from routing.portal.keys import make_key
from routing.portal.packing import Packer, PortalRules
from routing.portal.parcels import Parcel
from routing.portal.reply_box import make_reply_keys
from routing.portal.store import PortalStore
from routing.portal.upkeep import AnswerPlaces, Upkeep
from schemas.consignments import Consignment, Document, Recipient
from schemas.identity import Cpr
from schemas.portal_settings import MaterialPortal, PortalBrand, PortalChannel
from tests.rigs.channels import Papers
from tests.rigs.pdfs import text_pdf

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
SENDER = "Eksempel Kommune"
TITLE = "Fortrolig afgørelse om orlov"
FILE_NAME = "afgørelse om orlov.pdf"
ADDRESS = "modtager@post.example"
MOBILE = "+4520123456"
SECRET = "gulerod 17"
RULES = {
    "brev": PortalRules("ordinary", MaterialPortal(identity=("mail_code",))),
    "hemmelig": PortalRules(
        "confidential",
        MaterialPortal(
            identity=("shared_secret",),
            secret_column="kode",
            secret_hint_da="Dit medarbejdernavn og løbenummer.",
        ),
    ),
    "begge": PortalRules(
        "ordinary", MaterialPortal(identity=("shared_secret", "mail_code"), secret_column="kode")
    ),
    "mitid": PortalRules("confidential", MaterialPortal(identity=("mitid", "sms"))),
    "uden_svar": PortalRules("ordinary", MaterialPortal(identity=("mail_code",), replies=False)),
}


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class PortalBench:
    """A portal's store and its dispatching side in a folder of their own."""

    folder: Path
    url: str = ""
    clock: Clock = field(default_factory=Clock)
    carrier: Carrier | None = None
    change: Mapping[str, Any] = field(default_factory=dict)
    rules: dict[str, PortalRules] = field(default_factory=lambda: dict(RULES))
    papers: Papers = field(default_factory=Papers)
    create: bool = True
    available: frozenset[str] = frozenset({"mitid", "sms", "shared_secret", "mail_code"})

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mails = self.folder / "mails"
        self.answers = self.folder / "svar"
        self.url = self.url or f"sqlite:///{self.folder / 'portal.db'}"
        keys = self.folder / "keys"
        make_key(keys / "portal.key")
        make_key(keys / "link.key")
        self.reply_private, public = keys / "svar.key", keys / "svar.pem"
        if not public.exists():
            make_reply_keys(self.reply_private, public)
        given: dict[str, Any] = {
            "kind": "portal",
            "url": "https://portal.example",
            "key": keys / "portal.key",
            "link_key": keys / "link.key",
            "from_address": "post@eksempel.example",
            "reply_keys": {"loen": public},
            "brands": {"default": PortalBrand(name=SENDER, contact="11 22 33 44")},
        }
        self.settings = PortalChannel.model_validate(given | dict(self.change))
        self.carries: Carrier = self.carrier or MailFolder(self.mails)
        self.store = PortalStore.open(self.url, mode="simulated", now=self.clock, create=self.create)

    def open_store(self) -> PortalStore:
        return PortalStore.open(self.url, mode="simulated", now=self.clock)

    def channel(self) -> PortalDispatch:
        """Returns a fresh dispatching side, as another process would have it."""
        parts = PortalParts(
            self.rules,
            self.papers,
            self.carries,
            self.open_store,
            self.settings.from_address or "",
            self.clock,
            self.upkeep,
            self.available,
            simulated=True,
        )
        return PortalDispatch("portal", self.settings, parts)

    def upkeep(self, store: PortalStore, packer: Packer, carrier: Carrier) -> Upkeep:
        places = AnswerPlaces({"loen": self.answers}, {"loen": "loen@eksempel.example"})
        return Upkeep(store, packer, self.settings, carrier, places)

    def consignment(self, number: int = 1, material: str = "brev", **change: Any) -> Consignment:
        """Returns a letter with two documents to a test person with all contacts."""
        data = text_pdf([[f"Brev nummer {number}", "Kære modtager", "Her er din afgørelse."]])
        made = Consignment(
            id=f"20261125-090000-abcdef-{number:05d}",
            batch_id="20261125-090000-abcdef",
            source="loen",
            line=number,
            material=material,
            recipient=Recipient(Cpr(person("valid").number), "Grethe Modtager", ADDRESS, MOBILE),
            title=TITLE,
            documents=(
                self._paper(0, FILE_NAME, data),
                self._paper(1, "bilag.txt", b"Et bilag nr %d" % number),
            ),
            seed=f"{number:032x}",
            route=("portal",),
            reference=f"sag-{number}",
            extra={"kode": SECRET},
        )
        return replace(made, **change)

    def _paper(self, ordinal: int, name: str, data: bytes) -> Document:
        kept = self.papers.keep(data, name.rpartition(".")[2], ordinal)
        media_type = "application/pdf" if name.endswith("pdf") else "text/plain"
        return replace(kept, name=name, media_type=media_type)

    def send(self, consignment: Consignment) -> Parcel:
        """Sends one letter and returns its parcel."""

        async def whole() -> str:
            channel = self.channel()
            try:
                return (await channel.send(consignment, channel.message_id(consignment.seed))).external_id
            finally:
                await channel.close()

        with ThreadPoolExecutor(1) as pool:  # in a browser's test this thread has a loop of its own already
            message_id = pool.submit(lambda: asyncio.run(whole())).result()
        parcel = self.store.parcels.by_message(message_id)
        assert parcel is not None
        return parcel

    def mail(self) -> list[EmailMessage]:
        """Returns the mails that have left, the oldest first."""
        folder = self.mails / "new"
        paths = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns) if folder.exists() else []
        return [parsed(path.read_bytes()) for path in paths]

    def token(self) -> str:
        """Returns the token of the link in the newest notice."""
        return link_in(next(one for one in reversed(self.mail()) if "/b/" in text_of(one)))

    def close(self) -> None:
        self.store.close()


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def link_in(mail: EmailMessage) -> str:
    found = re.search(r"https://\S+/b/([A-Za-z0-9_-]{43})", text_of(mail))
    assert found is not None
    return found[1]


def code_in(mail: EmailMessage) -> str:
    found = re.search(r"^    (\d{6})\r?$", text_of(mail), re.MULTILINE)
    assert found is not None
    return found[1]
