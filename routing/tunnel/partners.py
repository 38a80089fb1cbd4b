"""How each partner wants its tunnel mail: the profile of the settings, by the partner's domain.

Relies on `schemas.mail_settings` for the words and on `routing.smime` for what they mean. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from routing.cms.enveloping import ContentCipher
from routing.mime.addresses import MailAddress, parse_address, parse_domain
from routing.smime.sealing import Profile
from schemas.errors import BadInput, ConfigurationError
from schemas.mail_settings import TunnelPartner

_CIPHERS = {"aes256-cbc": ContentCipher.CBC, "aes256-gcm": ContentCipher.GCM}


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner's wishes. `gateway` takes the mail in place of the recipient, who stands inside alone."""

    profile: Profile
    oaep: bool
    gateway: MailAddress | None = field(default=None, repr=False)
    subject: str = ""

    @property
    def unprotected(self) -> bool:
        """Whether a change of the content on the way could not be seen."""
        return self.profile.form == "none" and self.profile.cipher is ContentCipher.CBC


def read_partners(partners: Mapping[str, TunnelPartner], max_bytes: int) -> dict[str, Partner]:
    """Returns the partners by domain in A-labels; ConfigurationError `tunnel.partner_unfit`."""
    try:
        return {parse_domain(domain): _partner(one, max_bytes) for domain, one in partners.items()}
    except BadInput:
        raise ConfigurationError("tunnel.partner_unfit") from None


def default_partner(max_bytes: int) -> Partner:
    """Returns the profile of everybody the settings do not name."""
    return _partner(TunnelPartner(), max_bytes)


def _partner(one: TunnelPartner, max_bytes: int) -> Partner:
    profile = Profile(
        form=one.sign, cipher=_CIPHERS[one.cipher], wrap=one.wrap == "rfc822", max_bytes=max_bytes
    )
    gateway = parse_address(one.recipient) if one.recipient else None
    return Partner(profile, one.padding == "rsa-oaep", gateway, one.subject or "")
