"""Parses mail addresses strictly: one mailbox at one domain, and the domain in A-labels.

Relies on idna (IDNA 2008). Takes no display names, comments, groups, quoted local parts or address literals:
each of them has carried a second recipient past somebody's check. Asks no DNS.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from schemas.errors import BadInput

MAX_ADDRESS_CHARS = 254
MAX_LOCAL_CHARS = 64
MAX_DOMAIN_CHARS = 253

# A dot-atom of RFC 5322 3.2.3.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


@dataclass(frozen=True, slots=True)
class MailAddress:
    """One mailbox: `local` as it was written, `domain` in lower-case A-labels. The `repr` hides who it is."""

    local: str = field(repr=False)
    domain: str

    @property
    def spec(self) -> str:
        """The address as it stands in a header or an SMTP command; personal, so never in a log."""
        return f"{self.local}@{self.domain}"


def parse_address(text: str) -> MailAddress:
    """Returns the one address that `text` is.

    Raises BadInput `mail.address_form` (anything but local@domain), `mail.address_local` (a local part that
    needs quoting or SMTPUTF8), `mail.address_domain` or `mail.address_too_long`.
    """
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain or "@" in local:
        raise BadInput("mail.address_form")
    if not _LOCAL.fullmatch(local):
        raise BadInput("mail.address_local")
    address = MailAddress(local, parse_domain(domain))
    if len(local) > MAX_LOCAL_CHARS or len(address.spec) > MAX_ADDRESS_CHARS:
        raise BadInput("mail.address_too_long", max_chars=MAX_ADDRESS_CHARS)
    return address


def parse_domain(text: str) -> str:
    """Returns a domain of at least two labels in lower-case A-labels; BadInput `mail.address_domain`."""
    import idna

    try:
        # No UTS 46 mapping: a domain that only looks like dots and letters is not silently made into one.
        domain = idna.encode(unicodedata.normalize("NFC", text).lower(), strict=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise BadInput("mail.address_domain") from None
    labels = domain.split(".")
    if len(labels) < 2 or not labels[-1] or labels[-1].isdigit() or len(domain) > MAX_DOMAIN_CHARS:
        raise BadInput("mail.address_domain")
    return domain
