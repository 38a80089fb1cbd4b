"""The channel tunnel: the whole mail, signed by our organisation and encrypted to the recipient's domain.

Relies on the tunnel list for which domains take such mail and by which certificate, on the judge for whether
that certificate is good, on the workshop for the cryptography, and on `mail_channel` for the rest. The tunnel
ends at the recipient's gateway, and the receipt says so. Source: facts/secure-mail 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from routing.certificates.chains import UNKNOWN
from routing.certificates.files import load_trust
from routing.certificates.finding import describe
from routing.certificates.judging import Judge
from routing.certificates.sources import LocalStore
from routing.certificates.verdicts import Purpose, Verdict
from routing.channels.mail_channel import MailChannel, MailParts, Protected
from routing.cms.keys import CertificateId, recipient_key
from routing.letters.composing import dated
from routing.mime.addresses import MailAddress
from routing.mime.headers import Mailbox
from routing.smime.own_keys import (
    WARNING_DAYS,
    OwnCertificate,
    findings_about,
    load_own,
    refuse_unfit,
)
from routing.smime.workshop import Order, Workshop
from routing.tunnel.entries import TunnelEntry, TunnelList
from routing.tunnel.list_file import TunnelListFile
from routing.tunnel.partners import Partner, default_partner, read_partners
from schemas.channels import Protection, Reach
from schemas.consignments import Consignment
from schemas.errors import SendError, Transient, Unreachable
from schemas.mail_settings import TlsLevel, TunnelChannel


@dataclass(frozen=True, slots=True)
class TunnelParts:
    """What this channel has beyond a mail channel's parts: the list, the judge, the store for certificates
    that the list names by their pins, and the workshop, which the house shares and closes itself."""

    listed: TunnelListFile
    judge: Callable[[], Judge]
    store: Callable[[], LocalStore]
    workshop: Workshop


@dataclass(frozen=True, slots=True)
class Opening:
    """What speaks for a domain: its entry, and the verdict on the certificate to use."""

    entry: TunnelEntry
    verdict: Verdict
    version: int


class Tunnel(MailChannel[TunnelChannel]):
    """A `schemas.channels.Channel`; belongs to one event loop."""

    protection = Protection.DOMAIN

    def __init__(self, name: str, channel: TunnelChannel, parts: MailParts, own: TunnelParts) -> None:
        super().__init__(name, channel, parts)
        self._own = own
        self._ours = OwnCertificate(parts.mail.certificate)
        self._default = default_partner(channel.max_mail_bytes)

    def check(self) -> None:
        """Looks at our certificate and key, at the roots, the list and its signature, and the partners.

        Raises ConfigurationError.
        """
        mail = self._parts.mail
        load_trust(mail.roots)
        refuse_unfit(load_own(mail.certificate, mail.key), self._parts.now())
        _ = self._partners, self._own.listed.current()
        self._parts.courier.check()

    def findings(self) -> list[tuple[str, dict[str, object]]]:
        """Returns what will need a person: our certificate, our own entry, partners whose days run out.
        Raises ConfigurationError."""
        mail, sender = self._parts.mail, self._parts.composer.sender
        ours = load_own(mail.certificate, mail.key)
        found = [
            one
            for one in findings_about(ours, sender, self._parts.now())
            # Here the list says whose certificate it is, and an organisation's often names no address.
            if one[0] != "certificate.ours_other_address"
        ]
        listed = self._own.listed.current()
        entry = listed.entry_for(sender.domain)
        if entry is None or entry.obstacle(self._today):
            found.append(("tunnel.we_are_not_listed", {}))
        elif ours.id.fingerprint not in entry.pins:
            found.append(("tunnel.own_certificate_differs", {}))
        return [*found, *self._about_partners(listed)]

    async def reaches_domain(self, domain: str) -> Reach:
        """Says whether the list and the certificate open a domain in A-labels, and shows both; never sends.

        Raises Transient when that can't be found out now, ConfigurationError when our set-up is wrong.
        """
        listed = self._own.listed.current()
        entry = listed.entry_for(domain)
        code = self._list_obstacle(listed, entry)
        if code or entry is None:
            return Reach(False, code, evidence=(self._about(entry, listed),) if entry else ())
        verdicts, missing = await self._verdicts(entry)
        usable = next((one for one in verdicts if one.usable), None)
        if usable is not None:
            return Reach(True, evidence=(self._about(entry, listed), describe(self.name, usable)))
        error = _why_not(verdicts, missing)
        if isinstance(error, Transient):
            raise error
        refused = tuple(describe(self.name, one) for one in verdicts)
        return Reach(False, error.code, params=error.params, evidence=(self._about(entry, listed), *refused))

    async def _reach(self, to: MailAddress) -> Reach:
        return await self.reaches_domain(to.domain)

    def _level(self) -> TlsLevel | None:
        return self._channel.level

    async def _protect(self, consignment: Consignment, message_id: str, to: MailAddress) -> Protected:
        opening = await self._opening(to.domain)
        partner = self._partners.get(to.domain) or self._partners.get(opening.entry.domain) or self._default
        ours = self._ours.current(self._parts.now())
        at = dated(consignment, ours.certificate.not_valid_before_utc)
        letter = self._parts.composer.compose(consignment, message_id, to, at)
        outside = partner.gateway or to
        heading = replace(
            letter.mail.heading, to=(Mailbox(outside),), subject=partner.subject or letter.outer_subject
        )
        certificate = opening.verdict.certificate
        der = certificate.public_bytes(Encoding.DER)
        order = Order(letter.mail, heading, der, partner.oaep, partner.profile, ours.fingerprint)
        sealed = await self._own.workshop.seal(order)
        proof = {
            "tunnel_domain": opening.entry.domain,
            "tunnel_list_version": str(opening.version),
            "protected_until": "recipient_gateway",
            "certificate_sha256": opening.verdict.fingerprint,
            "revocation": opening.verdict.revocation.value if opening.verdict.revocation else "",
            "signer_sha256": ours.fingerprint if partner.profile.form != "none" else "",
            "payload_sha256": sealed.payload_sha256,
            "content_cipher": partner.profile.cipher.value,
            "key_transport": recipient_key(certificate, oaep=partner.oaep).transport.value,
        }
        return Protected(sealed.message, outside, {key: text for key, text in proof.items() if text})

    async def _opening(self, domain: str) -> Opening:
        """Returns what speaks for a domain; raises Unreachable or Transient when nothing does."""
        listed = self._own.listed.current()
        entry = listed.entry_for(domain)
        code = self._list_obstacle(listed, entry)
        if code or entry is None:
            raise Unreachable(code)
        verdicts, missing = await self._verdicts(entry)
        usable = next((one for one in verdicts if one.usable), None)
        if usable is None:
            raise _why_not(verdicts, missing)
        return Opening(entry, usable, listed.version)

    def _list_obstacle(self, listed: TunnelList, entry: TunnelEntry | None) -> str:
        """Returns why the list closes a domain: both domains must be on it, theirs and ours."""
        ours = listed.entry_for(self._parts.composer.sender.domain)
        if ours is None or ours.obstacle(self._today):
            return "tunnel.we_are_not_listed"
        return entry.obstacle(self._today) if entry else "tunnel.not_listed"

    async def _verdicts(self, entry: TunnelEntry) -> tuple[list[Verdict], bool]:
        """Returns the verdicts on an entry's certificates, the newest first, and whether one is missing.

        The list binds them to the domain, so they need not name it.
        """
        found, missing = self._certificates(entry)
        newest = sorted(found, key=lambda one: one.not_valid_before_utc, reverse=True)
        return [await self._judge.judge(one, None, Purpose.ENCRYPT) for one in newest], missing

    def _certificates(self, entry: TunnelEntry) -> tuple[Sequence[x509.Certificate], bool]:
        along = {one.fingerprint: one for one in map(CertificateId, entry.certificates)}
        found = [
            along[pin].certificate if pin in along else self._store.by_fingerprint(pin) for pin in entry.pins
        ]
        there = [one for one in found if one is not None]
        return there, len(there) < len(found)

    def _about(self, entry: TunnelEntry, listed: TunnelList) -> dict[str, str]:
        """Returns an entry as texts for people."""
        about = {
            "source": "tunnel_list",
            "domain": entry.domain,
            "subdomains": "yes" if entry.subdomains else "no",
            "list_version": str(listed.version),
            "listed_by": entry.source,
            "valid_to": entry.valid_to.isoformat() if entry.valid_to else "",
            "code": entry.obstacle(self._today),
        }
        return {key: text for key, text in about.items() if text}

    def _about_partners(self, listed: TunnelList) -> Iterator[tuple[str, dict[str, object]]]:
        for entry in listed.entries:
            days = self._days_left(entry)
            if days is not None and 0 <= days <= WARNING_DAYS[0]:
                yield "tunnel.partner_expires_soon", {"domain": entry.domain, "days": days}
        for domain, partner in self._partners.items():
            if partner.unprotected:
                yield "tunnel.unprotected_content", {"domain": domain}

    def _days_left(self, entry: TunnelEntry) -> int | None:
        """Returns how long an entry stays open: until its own end, or its last certificate's."""
        found, _ = self._certificates(entry)
        ends = [max(one.not_valid_after_utc.date() for one in found)] if found else []
        ends += [entry.valid_to] if entry.valid_to else []
        return (min(ends) - self._today).days if ends else None

    @property
    def _today(self) -> date:
        return self._parts.now().date()

    @cached_property
    def _partners(self) -> dict[str, Partner]:
        return read_partners(self._channel.partners, self._channel.max_mail_bytes)

    @cached_property
    def _judge(self) -> Judge:
        return self._own.judge()

    @cached_property
    def _store(self) -> LocalStore:
        return self._own.store()


def _why_not(verdicts: Sequence[Verdict], missing: bool) -> SendError:
    """Returns why an entry has no certificate to use; the newest one's reason counts."""
    refusals = [one.refusal for one in verdicts if one.refusal is not None]
    if any(one.code == UNKNOWN for one in refusals):
        return Transient(UNKNOWN)
    if not refusals:
        return Unreachable("tunnel.certificate_missing" if missing else "certificate.none_found")
    return Unreachable(refusals[0].code, **refusals[0].params)


def build(name: str, channel: TunnelChannel, parts: MailParts, own: TunnelParts) -> Tunnel:
    """Returns the channel of one `[channels.<name>]`; opens and reads nothing yet."""
    return Tunnel(name, channel, parts, own)
