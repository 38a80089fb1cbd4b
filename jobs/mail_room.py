"""What the mail channels of a house share: composer and courier, the workshop, what is known of certificates.

Relies on `routing`; imported only when a channel by mail is opened. Composer and courier belong to one event
loop and are made anew after `rest`; the workshop's processes and what is remembered of certificates, names
and servers last until `close`. A rehearsal looks nowhere but on this machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from routing.certificates.fetching import fetch_on_loopback, fetch_over_http
from routing.certificates.finding import Finder, Places, make_judge
from routing.certificates.judging import Judge
from routing.certificates.remembering import Memory
from routing.certificates.sources import LocalStore
from routing.channels.mail_channel import MailParts
from routing.channels.smime import Smime, SmimeParts
from routing.channels.tls import Tls
from routing.channels.tunnel import Tunnel, TunnelParts
from routing.letters.composing import Composer
from routing.mail.later_word import later_word
from routing.mail.memory import Kept
from routing.mail.opening import open_courier, open_resolver
from routing.mail.report_box import ReportBox
from routing.smime.workshop import Workshop
from routing.tunnel.list_file import TunnelListFile, list_signers
from schemas.channels import Cursor
from schemas.consignments import ReceiptEvent, ReceiptKind
from schemas.errors import ConfigurationError
from schemas.mail_settings import MailSettings, SmimeChannel, TlsChannel, TunnelChannel

if TYPE_CHECKING:
    from jobs.house import House
    from routing.mail.courier import Courier
    from routing.mail.resolver import Resolver


class MailRoom:
    """The shared parts of one house, each made when it is first asked for."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._now, self._simulated = house.now, house.simulated
        self._kept = Kept()

    def smime(self, name: str) -> Smime:
        """Returns the channel of one `[channels.<name>]` of this kind; raises ConfigurationError."""
        channel = self._house.settings.channels[name]
        assert isinstance(channel, SmimeChannel)
        return Smime(name, channel, self._parts, SmimeParts(self._finder, self._workshop))

    def tunnel(self, name: str) -> Tunnel:
        """Returns the channel of one `[channels.<name>]` of this kind; raises ConfigurationError."""
        channel = self._house.settings.channels[name]
        assert isinstance(channel, TunnelChannel)
        own = TunnelParts(self.tunnel_list(name), self.judge, lambda: self._store, self._workshop)
        return Tunnel(name, channel, self._parts, own)

    def tunnel_list(self, name: str) -> TunnelListFile:
        """Returns the list of a channel of kind `tunnel`; raises ConfigurationError."""
        channel, mail = self._house.settings.channels[name], self._mail
        assert isinstance(channel, TunnelChannel)
        signers = list_signers(channel.list_certificate, mail.certificate, mail.former_keys)
        return TunnelListFile(channel.list, signers)

    def tls(self, name: str) -> Tls:
        """Returns the channel of one `[channels.<name>]` of this kind; raises ConfigurationError."""
        channel = self._house.settings.channels[name]
        assert isinstance(channel, TlsChannel)
        return Tls(name, channel, self._parts, self._courier.verdict)

    async def rest(self) -> None:
        """Lets go of what belongs to the event loop that is about to end; the channels are closed already."""
        if "_resolver" in self.__dict__:
            await self._resolver.close()
        for part in ("_parts", "_courier", "_resolver"):
            self.__dict__.pop(part, None)

    def close(self) -> None:
        """Ends the workshop's processes."""
        workshop = self.__dict__.pop("_workshop", None)
        if workshop is not None:
            workshop.close()

    @cached_property
    def _mail(self) -> MailSettings:
        mail = self._house.settings.mail
        assert mail is not None  # told when the settings are read
        return mail

    @cached_property
    def _parts(self) -> MailParts:
        texts = {name: material.mail for name, material in self._house.settings.materials.items()}
        composer = Composer(self._mail, texts, self._house.documents)
        word = self._later_word if self._mail.reports is not None else None
        return MailParts(self._mail, composer, self._courier, self._now, self._simulated, word)

    @cached_property
    def _courier(self) -> Courier:
        folder = self._house.settings.house.data / "mta-sts"
        return open_courier(
            self._mail, simulated=self._simulated, now=self._now, kept=self._kept, policies=folder
        )

    @cached_property
    def _resolver(self) -> Resolver:
        return open_resolver(self._mail, simulated=self._simulated, now=self._now)

    @cached_property
    def _workshop(self) -> Workshop:
        return Workshop(self._mail.certificate, self._mail.key, self._mail.workers)

    @cached_property
    def _memory(self) -> Memory:
        return Memory(self._now, 60 * self._mail.verdict_minutes)

    @cached_property
    def _box(self) -> ReportBox:
        assert self._mail.reports is not None
        return ReportBox(self._mail.reports)

    def _later_word(self, channel: str, cursor: Cursor) -> AsyncIterator[ReceiptEvent]:
        return later_word(self._box, channel, cursor, self._now)

    def returned(self, awaited: Collection[str]) -> Mapping[str, str]:
        """Returns which of these mails came back, each by its Message-ID, and the code of why.

        Raises ConfigurationError `report.box_…`; the settings must have a mailbox of reports.
        """
        reports = self._box.reports(awaited, self._now())
        return {one.message_id: one.code for one in reports if one.kind is ReceiptKind.RETURNED}

    def judge(self) -> Judge:
        """Returns the judge of other people's certificates, by the roots and rules of the settings."""
        return make_judge(self._mail, self._places(), self._memory)

    @cached_property
    def _store(self) -> LocalStore:
        return LocalStore(self._mail.certificates)

    def _finder(self) -> Finder:
        if self._simulated:
            _demand_loopback(self._mail)
        return Finder(self._mail, self._places())

    def _places(self) -> Places:
        if not self._simulated and self._mail.revocation == "off_insecure":
            raise ConfigurationError("certificate.revocation_off_in_live")
        return Places(
            self._now,
            self._house.settings.house.data / "revocation",
            fetch_on_loopback if self._simulated else fetch_over_http,
            self._resolver if self._mail.smimea else None,
            self._memory,
            self._store,
        )


def _demand_loopback(mail: MailSettings) -> None:
    """Raises ConfigurationError `certificate.simulated_needs_loopback` for a directory on another machine:
    a question names a recipient."""
    for one in mail.ldap.values():
        host = (
            one.host.removeprefix("[").partition("]")[0] if one.host[0] == "[" else one.host.partition(":")[0]
        )
        try:
            on_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            on_loopback = False
        if not on_loopback:
            raise ConfigurationError("certificate.simulated_needs_loopback")
