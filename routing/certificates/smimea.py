"""A source of certificates: SMIMEA records in DNS, believed only when DNSSEC vouches for them.

Relies on a look-up that is passed in and on its word that a validating resolver has checked the answer. Takes
only whole certificates: a record that holds a digest names one without giving it. What is found is judged
like any other. Source: RFC 8162; facts/secure-mail 2, "DNS".
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from cryptography import x509

from routing.mime.addresses import MailAddress
from schemas.errors import Unreachable

# RFC 8162 2 counts octets of the digest.
_NAME_BYTES = 28
# Certificate usages for the certificate itself: PKIX-EE and DANE-EE.
_OF_ITSELF = frozenset({1, 3})
_WHOLE, _NO_DIGEST = 0, 0
_HEAD_BYTES = 3


@dataclass(frozen=True, slots=True)
class DnsRecords:
    """The records of a name in wire form, none when there is no such name; `authentic` is the AD bit of a
    resolver that validates."""

    records: tuple[bytes, ...] = field(repr=False)
    authentic: bool


class SmimeaLookup(Protocol):
    """Asks the resolver."""

    async def __call__(self, name: str) -> DnsRecords:
        """Returns the SMIMEA records of a name; raises Transient when there is no answer, or a bogus one."""


class SmimeaSource:
    """SMIMEA records through a validating resolver."""

    name = "smimea"

    def __init__(self, look_up: SmimeaLookup) -> None:
        self._look_up = look_up

    async def find(self, address: MailAddress) -> Sequence[x509.Certificate]:
        """Returns the certificates in authentic records.

        Raises Unreachable `certificate.smimea_insecure` when there are records that nobody vouches for.
        """
        found = await self._look_up(owner_name(address))
        if found.records and not found.authentic:
            raise Unreachable("certificate.smimea_insecure")
        certificates = []
        for record in found.records:
            with suppress(ValueError):  # a record that is too short, or holds no certificate
                usage, selector, matching = record[:_HEAD_BYTES]
                if usage in _OF_ITSELF and (selector, matching) == (_WHOLE, _NO_DIGEST):
                    certificates.append(x509.load_der_x509_certificate(record[_HEAD_BYTES:]))
        return certificates


def owner_name(address: MailAddress) -> str:
    """Returns the name of an address's records: the local part as it is written, hashed (RFC 8162 3)."""
    digest = sha256(address.local.encode()).digest()[:_NAME_BYTES].hex()
    return f"{digest}._smimecert.{address.domain}"
