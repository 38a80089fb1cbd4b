"""Houses whose last way to a recipient is the portal: real notices to the mail simulator, the real site.

Relies on `mail_simulator` for the house and on `portal_sites` for a visitor. A person here knows what stands
in their mail and what the sender told them, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from jobs.house import utc_now
from jobs.initiate import init_house
from jobs.portal import build_site, first_portal, open_store
from jobs.settings_file import read_settings
from routing.portal.parcels import Parcel
from routing.portal.reply_box import make_reply_keys
from routing.portal.store import PortalStore
from routing.portal.tables import PARCEL
from routing.simulator.received import MAILS
from tests.rigs.houses import HouseOnDisk
from tests.rigs.mail_simulator import FoundMailHouse, MailHouse, exempt
from tests.rigs.pdfs import text_pdf
from tests.rigs.portal_sites import HOST, Visitor
from tests.rigs.portals import link_in, parsed

HANS, ANNA = "hans@firma.example", "anna@klinik.example"
"""One whose server takes mail over TLS, and one who has a certificate too."""
SECRET = "medarbejder 4711"
PORTAL = """
[channels.portal]
kind = "portal"
url = "https://{host}"
from_address = "post@afsender.example"
reply_keys = {{ loen = "svar.pem" }}
backoff_seconds = 0.01
backoff_max_seconds = 0.05
{channel}

[materials.brev.portal]
identity = ["shared_secret"]
secret_column = "kode"
"""


@dataclass(frozen=True)
class PortalHouse:
    """A founded house with a portal, and the mail servers of its recipients."""

    mail: MailHouse

    @property
    def reply_key(self) -> Path:
        return self.mail.house.path.parent / "svar.key"

    @property
    def answers(self) -> list[Path]:
        """The replies in the folder of the source, the oldest first."""
        return sorted((self.mail.house.source / "svar").glob("*.brevsvar"))

    def brevdue(self, *words: str) -> Any:
        return self.mail.brevdue(*words)

    def drop(self, name: str, rows: Sequence[tuple[str, str, str]]) -> None:
        """Drops and pulls one letter for each (number, address, secret)."""
        folder = self.mail.house.inbox / name
        folder.mkdir()
        lines = ["modtager;materiale;fil;reference;email;kode"]
        for number, (recipient, address, secret) in enumerate(rows, 1):
            (folder / f"{number}.pdf").write_bytes(letter(name, number))
            lines.append(f"{recipient};brev;{number}.pdf;{name}-{number};{address};{secret}")
        (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.mail.house.inbox / f"{name}.klar").touch()
        ran = self.brevdue("pull")
        assert ran.code == 0, ran.out + ran.err

    def sent(self, address: str = HANS) -> str:
        """Sends one letter to one who is exempt from digital mail; returns their number."""
        (gone,) = exempt(self.mail, "valid")
        self.drop("november", [(gone, address, SECRET)])
        self.mail.send()
        assert self.mail.house.states() == {"accepted": 1}
        return gone

    def collect(self) -> int:
        """Makes a pass of `collect` in which nothing fails; returns how many consignments it moved."""
        ran = self.brevdue("collect")
        assert ran.code == 0, ran.out + ran.err
        return int(ran.data["moved"])

    def notices(self) -> list[EmailMessage]:
        """Returns the notices that the recipients' servers took, the oldest first."""
        folder = self.mail.folder / MAILS
        mails = [parsed(folder.joinpath(one["file"]).read_bytes()) for one in self.mail.received()]
        return [one for one in mails if one["From"].addresses[0].addr_spec == "post@afsender.example"]

    def token(self) -> str:
        """Returns what the newest notice's link ends in."""
        return link_in(self.notices()[-1])

    @contextmanager
    def store(self) -> Iterator[PortalStore]:
        """The portal's store, as the portal's own process opens it."""
        settings = self.mail.house.settings
        store = open_store(settings, first_portal(settings)[1], utc_now)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def visitor(self) -> Iterator[Visitor]:
        """A person's browser before the site of this house."""
        settings = self.mail.house.settings
        with self.store() as store:
            site = build_site(settings, first_portal(settings)[1], store, lambda event, **fields: None)
            yield Visitor(None, site)

    def let_expire(self) -> None:
        """Lets the time of every open parcel be over."""
        with self.store() as store:
            for parcel in store.parcels.listed("open", 100):
                assert store.parcels.extend(parcel.id, utc_now() - timedelta(seconds=1))

    def let_days_pass(self, days: float) -> None:
        """Makes every notice so many days older."""
        with self.store() as store, store.database.writing() as connection:
            older = PARCEL.c.notice_at - int(days * 86_400_000_000)
            connection.execute(update(PARCEL).values(notice_at=older))

    def parcels(self) -> list[Parcel]:
        with self.store() as store:
            return store.parcels.listed(None, 100)

    def assert_nothing_opens(self) -> None:
        """Neither the link nor the database holds anything of the one letter any more."""
        (parcel,) = self.parcels()
        assert (parcel.wrapped_key, parcel.envelope, parcel.notice_box) == (b"", b"", b"")
        with self.visitor() as visitor:
            page = visitor.get(f"/b/{self.token()}")
            assert "/bevis" not in page.text and page.status_code != 200


FoundPortalHouse = Callable[..., PortalHouse]
"""`found(route=…, channel="lines", mail="lines")`."""


def letter(name: str, number: int) -> bytes:
    """Returns the document of a row of a drop."""
    return text_pdf([[f"Brev {name} nummer {number}"]])


def _with_portal(house: HouseOnDisk, channel: str) -> HouseOnDisk:
    text = house.path.read_text(encoding="utf-8")
    accepted = json.dumps(["mailbox", "end_to_end", "domain", "transport"])
    assert accepted in text
    text = text.replace(accepted, accepted.replace("]", ', "portal"]'))
    house.path.write_text(text + PORTAL.format(host=HOST, channel=channel), encoding="utf-8")
    make_reply_keys(house.path.parent / "svar.key", house.path.parent / "svar.pem")
    settings = read_settings(house.path)
    init_house(settings)
    return HouseOnDisk(house.path, settings, house.simulator)


@pytest.fixture
def found_portal_house(found_mail_house: FoundMailHouse) -> FoundPortalHouse:
    """Founds houses with a portal at the end of their route, or where the route says."""

    def found(*, route: Sequence[str] = ("eboks", "portal"), channel: str = "", **more: Any) -> PortalHouse:
        made = found_mail_house(route=route, **more)
        return PortalHouse(MailHouse(_with_portal(made.house, channel)))

    return found
