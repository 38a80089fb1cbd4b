"""Proof of identity by a code to the mailbox that got the notice: for materials of class `ordinary` alone.

Relies on `notices` and on a carrier. A code by mail proves that somebody reads the mailbox, not who it is
(facts/secure-mail 5.3, ASVS 6.3.6), so any other class is refused here as well as in the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from routing.portal.delivery import Carrier
from routing.portal.identity import CodeErrand
from routing.portal.notices import Stationery, code_mail
from routing.portal.sealing import Person


class MailCode:
    """The method `mail_code`."""

    name = "mail_code"

    def __init__(
        self, carrier: Carrier, stationery: Callable[[str], Stationery], now: Callable[[], datetime]
    ) -> None:
        """`stationery` gives the look of a source's mails."""
        self._carrier = carrier
        self._stationery = stationery
        self._now = now

    def possible(self, person: Person, data_class: str) -> bool:
        return data_class == "ordinary" and bool(person.email)

    def shown(self, person: Person) -> str:
        """Shows nothing of the address: the notice came there."""
        return ""

    async def carry(self, person: Person, errand: CodeErrand) -> None:
        paper = self._stationery(errand.source)
        letter = code_mail(
            paper, person.email, errand.code, f"code-{errand.errand_id}", self._now(), errand.minutes
        )
        await self._carrier.deliver(letter.recipient, letter.data, letter.message_id)

    async def close(self) -> None:
        """Takes leave of the mail servers."""
        await self._carrier.close()
