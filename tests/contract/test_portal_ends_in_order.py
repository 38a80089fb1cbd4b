"""The portal's process takes leave of the mail servers that its codes went to."""

from __future__ import annotations

from dataclasses import replace

import httpx

from routing.portal.mail_carrier import MailCarrier
from tests.rigs.mail_channels import BOB, MailBench
from tests.rigs.mail_people import LETTER_AT
from tests.rigs.portal_sites import form_in, served
from tests.rigs.portals import Clock, PortalBench, code_in, link_in, parsed
from tests.rigs.waiting import wait_for

SENDER = "post@eksempel.example"


def test_at_its_end_the_mail_server_is_told_goodbye(bench: MailBench) -> None:
    portal = PortalBench(bench.folder.folder / "portal", clock=Clock(LETTER_AT))

    def carrier() -> MailCarrier:
        return MailCarrier(portal.settings, bench.settings(), SENDER, portal.clock, simulated=True)

    server = bench.world.servers[0]
    portal.carries = carrier()
    letter = portal.consignment()
    portal.send(replace(letter, recipient=replace(letter.recipient, email=BOB)))
    portal.carries = carrier()
    with served(portal) as url, httpx.Client(verify=False, base_url=url) as browser:
        page = browser.get(f"/b/{link_in(parsed(server.mails[0].content))}")
        action, hidden = form_in(page.text, "/send")
        assert browser.post(action, data=hidden).status_code == 303
        assert code_in(parsed(server.mails[1].content))
        talk = server.mails[1].talk
        assert talk.secret.endswith(b"\r\n.\r\n")  # kept for the next code
    # Read by the server in a thread of its own.
    wait_for(lambda: talk.secret.endswith(b"\r\n.\r\nQUIT\r\n"), "the goodbye")
    portal.close()
