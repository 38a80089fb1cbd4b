"""The channel S/MIME: a mail signed by us and encrypted to the recipient's own certificate.

Relies on `routing.certificates` for finding and judging that certificate, on the workshop for the
cryptography, and on `mail_channel` for the rest. Source: facts/secure-mail 1.7 and 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from cryptography.hazmat.primitives.serialization import Encoding

from routing.certificates.files import load_trust
from routing.certificates.finding import Finder, evidence_of, refusal_of
from routing.certificates.sources import Choice
from routing.certificates.verdicts import Verdict
from routing.channels.mail_channel import MailChannel, MailParts, Protected
from routing.cms.enveloping import ContentCipher
from routing.cms.keys import recipient_key
from routing.letters.composing import dated
from routing.mime.addresses import MailAddress, parse_address, parse_domain
from routing.smime.own_keys import OwnCertificate, findings_about, load_own, refuse_unfit
from routing.smime.sealing import Profile
from routing.smime.workshop import Order, Workshop
from schemas.channels import Protection, Reach
from schemas.consignments import Consignment
from schemas.errors import BadInput, ConfigurationError, Unreachable
from schemas.mail_settings import SmimeChannel, TlsLevel


@dataclass(frozen=True, slots=True)
class SmimeParts:
    """What this channel has beyond a mail channel's parts: how to make a finder, and the workshop, which the
    house shares between channels and closes itself."""

    finder: Callable[[], Finder]
    workshop: Workshop


class Smime(MailChannel[SmimeChannel]):
    """A `schemas.channels.Channel`; belongs to one event loop."""

    protection = Protection.END_TO_END

    def __init__(self, name: str, channel: SmimeChannel, parts: MailParts, own: SmimeParts) -> None:
        super().__init__(name, channel, parts)
        self._own = own
        self._ours = OwnCertificate(parts.mail.certificate)

    def check(self) -> None:
        """Looks at our certificate and key, at roots, pins and the list of modern recipients.

        Raises ConfigurationError. A directory that is down is no fault of our set-up: see `findings`.
        """
        mail = self._parts.mail
        load_trust(mail.roots)
        refuse_unfit(load_own(mail.certificate, mail.key), self._parts.now())
        _ = self._modern, self._finder
        self._parts.courier.check()

    def findings(self) -> list[tuple[str, dict[str, object]]]:
        """Returns what will need a person: our certificate's last days, its address, unreadable files in the
        store, directories that do not answer. Raises ConfigurationError."""
        mail = self._parts.mail
        ours = load_own(mail.certificate, mail.key)
        about_us = findings_about(ours, self._parts.composer.sender, self._parts.now())
        return [*about_us, *self._finder.findings()]

    async def _reach(self, to: MailAddress) -> Reach:
        """Says whether there is a certificate that may be used, with what was found."""
        choice = await self._finder.find(to)
        if choice.chosen is None:
            code, params = refusal_of(choice)
            return Reach(False, code, params=params, evidence=evidence_of(choice))
        return Reach(True, evidence=evidence_of(choice))

    async def close(self) -> None:
        """Ends the connections; the workshop stays."""
        if "_finder" in self.__dict__:
            self._finder.close()
        await super().close()

    def _level(self) -> TlsLevel | None:
        return self._channel.level

    async def _protect(self, consignment: Consignment, message_id: str, to: MailAddress) -> Protected:
        choice = await self._finder.find(to)
        if choice.chosen is None:
            code, params = refusal_of(choice)
            raise Unreachable(code, **params)
        return await self._sealed(consignment, message_id, to, choice, choice.chosen)

    async def _sealed(
        self, consignment: Consignment, message_id: str, to: MailAddress, choice: Choice, chosen: Verdict
    ) -> Protected:
        ours = self._ours.current(self._parts.now())
        at = dated(consignment, ours.certificate.not_valid_before_utc)
        letter = self._parts.composer.compose(consignment, message_id, to, at)
        modern = bool({to.spec.lower(), to.domain} & self._modern)
        cipher = ContentCipher.GCM if modern else ContentCipher.CBC
        order = Order(
            letter.mail,
            replace(letter.mail.heading, subject=letter.outer_subject),
            chosen.certificate.public_bytes(Encoding.DER),
            modern,
            Profile(cipher=cipher, subject=letter.outer_subject, max_bytes=self._channel.max_mail_bytes),
            ours.fingerprint,
        )
        sealed = await self._own.workshop.seal(order)
        proof = {
            "certificate_sha256": chosen.fingerprint,
            "certificate_source": choice.source,
            "revocation": chosen.revocation.value if chosen.revocation else "",
            "signer_sha256": ours.fingerprint,
            "payload_sha256": sealed.payload_sha256,
            "content_cipher": cipher.value,
            "key_transport": recipient_key(chosen.certificate, oaep=modern).transport.value,
        }
        return Protected(sealed.message, to, proof)

    @cached_property
    def _finder(self) -> Finder:
        return self._own.finder()

    @cached_property
    def _modern(self) -> frozenset[str]:
        """The addresses and domains of `modern`; ConfigurationError `smime.modern_unfit`."""
        try:
            return frozenset(
                parse_address(one).spec.lower() if "@" in one else parse_domain(one)
                for one in self._channel.modern
            )
        except BadInput:
            raise ConfigurationError("smime.modern_unfit") from None


def build(name: str, channel: SmimeChannel, parts: MailParts, own: SmimeParts) -> Smime:
    """Returns the channel of one `[channels.<name>]`; opens and reads nothing yet."""
    return Smime(name, channel, parts, own)
