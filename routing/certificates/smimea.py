"""A source of certificates: SMIMEA records in DNS, believed only when DNSSEC vouches for them.

Relies on a resolver that is passed in and on its word that it has checked the answer. Takes only whole
certificates: a record that holds a digest names one without giving it. What is found is judged like any
other. Source: RFC 8162; facts/secure-mail 2, "DNS".
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, Protocol

from cryptography import x509

from routing.cms.damage import DAMAGED
from routing.mail.records import Answer, Kind, TlsaRecord
from routing.mime.addresses import MailAddress
from schemas.errors import Transient, Unreachable

# RFC 8162 3 counts octets of the digest.
_NAME_BYTES = 28
# Certificate usages for the certificate itself: PKIX-EE and DANE-EE.
_OF_ITSELF = frozenset({1, 3})
_WHOLE, _NO_DIGEST = 0, 0


class Asks(Protocol):
    """What is needed of `routing.mail.resolver.Resolver`."""

    validates: bool

    async def ask(self, name: str, kind: Kind) -> Answer[Any]:
        """Returns the answer, with a fault where there is none."""


class SmimeaSource:
    """SMIMEA records through a validating resolver."""

    name = "smimea"

    def __init__(self, resolver: Asks) -> None:
        self._resolver = resolver

    async def find(self, address: MailAddress) -> Sequence[x509.Certificate]:
        """Returns the certificates in records that were checked.

        Raises Transient (`dns.…`) when there is no answer or a bogus one, and Unreachable
        `certificate.smimea_insecure` when there are records that nobody vouches for.
        """
        answer: Answer[TlsaRecord] = await self._resolver.ask(owner_name(address), "SMIMEA")
        if answer.fault:
            raise Transient(answer.fault)
        if answer.records and not answer.secure:
            raise Unreachable("certificate.smimea_insecure")
        certificates = []
        for record in answer.records:
            if record.usage in _OF_ITSELF and (record.selector, record.matching) == (_WHOLE, _NO_DIGEST):
                with suppress(*DAMAGED):  # it may hold anything
                    certificates.append(x509.load_der_x509_certificate(record.data))
        return certificates


def owner_name(address: MailAddress) -> str:
    """Returns the name of an address's records: the local part as it is written, hashed (RFC 8162 3)."""
    digest = sha256(address.local.encode()).digest()[:_NAME_BYTES].hex()
    return f"{digest}._smimecert.{address.domain}"
