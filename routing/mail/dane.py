"""Compares what a mail server showed with the TLSA records of its name (RFC 6698, RFC 7672).

Pure: certificates and records go in, yes or no comes out. Relies on cryptography for keys and chains. Usages
2 (trust anchor) and 3 (the server's own certificate) only, as RFC 7672 3.1 has it for mail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from routing.mail.records import TlsaRecord
from routing.mail.trust import Peer

TRUST_ANCHOR = 2
OWN_CERTIFICATE = 3
_DIGEST_BYTES = {1: 32, 2: 64}


def usable(records: Sequence[TlsaRecord]) -> tuple[TlsaRecord, ...]:
    """Returns the records that can be compared with: usage 2 or 3, known selector, a value that fits."""
    return tuple(record for record in records if _is_usable(record))


def matches(peer: Peer, records: Sequence[TlsaRecord], names: Sequence[str], now: datetime) -> bool:
    """Says whether a peer is one that the records vouch for.

    A usage 3 match is enough by itself: names and dates do not count (RFC 7672 3.1.1). With usage 2 the chain
    must lead to the anchor it names, now, for one of `names` (3.1.2).
    """
    if not peer.chain:
        return False
    if any(r.usage == OWN_CERTIFICATE and _is_value(peer.certificate, r) for r in records):
        return True
    anchors = [
        position
        for position, certificate in enumerate(peer.chain)
        if position and any(r.usage == TRUST_ANCHOR and _is_value(certificate, r) for r in records)
    ]
    return any(_leads_to(peer.chain, position, name, now) for position in anchors for name in names)


def _is_usable(record: TlsaRecord) -> bool:
    if record.usage not in (TRUST_ANCHOR, OWN_CERTIFICATE) or record.selector not in (0, 1):
        return False
    if record.matching == 0:
        return bool(record.data)
    return len(record.data) == _DIGEST_BYTES.get(record.matching, -1)


def _is_value(certificate: bytes, record: TlsaRecord) -> bool:
    value = certificate if record.selector == 0 else _public_key(certificate)
    if record.matching == 1:
        value = hashlib.sha256(value).digest()
    elif record.matching == 2:
        value = hashlib.sha512(value).digest()
    return bool(value) and value == record.data


def _public_key(certificate: bytes) -> bytes:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return b""


def _leads_to(chain: Sequence[bytes], anchor: int, name: str, now: datetime) -> bool:
    from cryptography import x509
    from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

    try:
        own, *between = [x509.load_der_x509_certificate(one) for one in chain]
        policy = PolicyBuilder().store(Store([between[anchor - 1]])).time(now)
        policy.build_server_verifier(x509.DNSName(name)).verify(own, between[: anchor - 1])
    except (ValueError, VerificationError):
        return False
    return True
