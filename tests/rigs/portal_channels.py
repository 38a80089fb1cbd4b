"""The channel `portal` for the contract suite: its store, and notices that go to a real mail server.

Relies on `portals` for the store and on `mail_channels` for the server. What the other side holds is counted
as a recipient would: by the links in the mails that arrived, and what they open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from routing.portal.keys import read_keys
from routing.portal.mail_carrier import MailCarrier
from routing.portal.proving import Door
from schemas.channels import Channel
from schemas.consignments import Consignment
from tests.rigs.mail_channels import BOB, MailBench
from tests.rigs.mail_people import LETTER_AT
from tests.rigs.mail_server import MailServer
from tests.rigs.portals import Clock, PortalBench, link_in, parsed


class PortalRig:
    """What the contract suite needs of the portal and of the other side."""

    keeps_record = True

    def __init__(self, mail: MailBench) -> None:
        self._mail = mail
        self._portal = PortalBench(mail.folder.folder / "portal", clock=Clock(LETTER_AT))
        self._portal.carries = MailCarrier(
            self._portal.settings,
            mail.settings(),
            "post@eksempel.example",
            self._portal.clock,
            simulated=True,
        )

    @property
    def server(self) -> MailServer:
        return self._mail.world.servers[0]

    def build(self) -> Channel:
        return self._portal.channel()

    def letter(self, number: int = 1, **change: Any) -> Consignment:
        made = self._portal.consignment(number, **change)
        return replace(made, recipient=replace(made.recipient, email=BOB))

    def letter_nobody_reaches(self) -> Consignment:
        made = self._portal.consignment(99)
        return replace(made, recipient=replace(made.recipient, email=""))

    def drop_answers(self, count: int) -> None:
        """Takes mails and hangs up; `count` is more than any test sends."""
        self.server.behaviour.drops = {"taken"}

    @contextmanager
    def stop_listening(self) -> Iterator[None]:
        self.server.stop()
        yield
        self.server.start()

    def held(self) -> list[str]:
        """Returns the SHA-256 of the first document behind every link that arrived and opens something."""
        keys = read_keys(self._portal.settings.key)
        door = Door(self._portal.store, keys, timedelta(minutes=20), timedelta(hours=2))
        links = {link_in(parsed(mail.content)) for mail in self.server.mails}
        found = [door.open_link(link) for link in sorted(links)]
        return [self._first_document(one) for one in found if one is not None]

    def _first_document(self, opened: Any) -> str:
        chunks = self._portal.store.parcels.chunks(opened.parcel.id, 0)
        return hashlib.sha256(b"".join(opened.key.open_paper(0, chunks))).hexdigest()


PORTAL_RIGS: Mapping[str, Callable[[MailBench], PortalRig]] = {"portal": PortalRig}
"""Kind of channel → rig."""
