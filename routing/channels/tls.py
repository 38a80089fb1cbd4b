"""The channel forced TLS: an ordinary mail over a way that was checked first and is held to it on delivery.

Relies on the courier's verdict on every mail exchanger of the domain, and on `mail_channel` for the rest. The
mail itself is not encrypted: what may go this way, and how much of it, the policy says. Source: facts/
secure-mail 4.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from routing.channels.mail_channel import MailChannel, MailParts, Protected
from routing.letters.composing import dated
from routing.mail.demands import Verdict
from routing.mail.ways import obstacle
from routing.mime.addresses import MailAddress
from routing.mime.assembly import estimate_plain, plain_message
from routing.mime.mail import Mail
from schemas.channels import Protection, Reach
from schemas.consignments import Consignment
from schemas.errors import ConfigurationError, Refused
from schemas.mail_settings import TlsChannel, TlsLevel

_NO_CERTIFICATE = datetime.min.replace(tzinfo=UTC)
Judge = Callable[[str, TlsLevel], Awaitable[Verdict]]
"""Says whether a domain may get mail at a level; the courier's `verdict`."""


class Tls(MailChannel[TlsChannel]):
    """A `schemas.channels.Channel`; belongs to one event loop."""

    protection = Protection.TRANSPORT

    def __init__(self, name: str, channel: TlsChannel, parts: MailParts, judge: Judge) -> None:
        super().__init__(name, channel, parts)
        self._judge = judge

    def check(self) -> None:
        """Looks at how servers are trusted, and whether the level can be held at all; asks nobody.

        Raises ConfigurationError.
        """
        mail = self._parts.mail
        if self._channel.level == "dane" and not mail.dns_validates:
            raise ConfigurationError("dane.resolver_does_not_validate")
        if self._channel.level in ("sts", "dane") and mail.smarthost is not None:
            raise ConfigurationError("smarthost.level_not_provable", level=self._channel.level)
        self._parts.courier.check()

    def findings(self) -> list[tuple[str, dict[str, object]]]:
        """Returns nothing: there is no certificate of ours in this, and servers are looked at one by one."""
        return []

    def _level(self) -> TlsLevel:
        return self._channel.level

    async def _reach(self, to: MailAddress) -> Reach:
        verdict = await self._judge(to.domain, self._channel.level)
        if not verdict.open and not verdict.lasting:
            raise obstacle(verdict)
        return _told(verdict)

    async def _reach_told(self, to: MailAddress) -> Reach:
        """Tells what every mail exchanger showed also when some were down, so that it can't be said now."""
        return _told(await self._judge(to.domain, self._channel.level))

    async def _protect(self, consignment: Consignment, message_id: str, to: MailAddress) -> Protected:
        letter = self._parts.composer.compose(
            consignment, message_id, to, dated(consignment, _NO_CERTIFICATE)
        )
        # Whoever keeps a mailbox shows subjects to anybody who looks over a shoulder: only the neutral one.
        mail = replace(letter.mail, heading=replace(letter.mail.heading, subject=letter.outer_subject))
        _refuse_too_large(mail, self._channel.max_mail_bytes)
        message = plain_message(mail)
        return Protected(message, to, {"payload_sha256": sha256(message).hexdigest()})


def _told(verdict: Verdict) -> Reach:
    return Reach(verdict.open, verdict.code, evidence=verdict.evidence())


def _refuse_too_large(mail: Mail, max_bytes: int) -> None:
    """Raises Refused `mail.too_large` before anything is built."""
    estimated = estimate_plain(mail)
    if estimated > max_bytes:
        raise Refused("mail.too_large", n_bytes=estimated, max_bytes=max_bytes)


def build(name: str, channel: TlsChannel, parts: MailParts, judge: Judge) -> Tls:
    """Returns the channel of one `[channels.<name>]`; opens and reads nothing yet."""
    return Tls(name, channel, parts, judge)
