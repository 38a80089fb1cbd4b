"""Reads our own envelope again, before anybody gets it, and compares it with what was meant.

Relies on asn1crypto for the recipients and the algorithms, so that writer and reader share no line there. A
fault found here is one of ours and stops the channel: a message to the wrong certificate is worse than none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from routing.cms import der, names
from routing.cms.keys import RecipientKey, Transport
from schemas.errors import ConfigurationError

_TRANSPORT_NAMES = {
    Transport.RSA_V15: names.RSA,
    Transport.RSA_OAEP: names.RSA_OAEP,
    Transport.ECDH: names.ECDH_SHA256_KDF,
}
# How much of the plain content is looked for at the beginning of the encrypted one; less could be chance.
_MARK_BYTES = 16


def check_envelope(
    made: bytes, plain: Sequence[bytes], recipients: Sequence[RecipientKey], *, authenticated: bool
) -> None:
    """Raises ConfigurationError `cms.self_check` with the part that differs: form, content_type, cipher,
    recipients or plaintext."""
    try:
        faulty = _difference(made, plain, recipients, authenticated)
    except (ValueError, TypeError, KeyError, IndexError):
        faulty = "form"
    if faulty:
        raise ConfigurationError("cms.self_check", part=faulty)


def _difference(
    made: bytes, plain: Sequence[bytes], recipients: Sequence[RecipientKey], authenticated: bool
) -> str:
    from asn1crypto import cms

    content_type, explicit = der.spans_inside(made, (0, len(made)))
    if made[slice(*content_type)] != der.oid(
        names.AUTH_ENVELOPED_DATA if authenticated else names.ENVELOPED_DATA
    ):
        return "content_type"
    (body,) = der.spans_inside(made, explicit)
    _, infos, content, *_ = der.spans_inside(made, body)
    _, algorithm, encrypted = der.spans_inside(made, content)
    # Whole content is not handed to asn1crypto: it would copy it at every level.
    cipher = cms.EncryptionAlgorithm.load(made[slice(*algorithm)], strict=True)
    if cipher["algorithm"].dotted != (names.AES256_GCM if authenticated else names.AES256_CBC):
        return "cipher"
    meant = Counter((_TRANSPORT_NAMES[one.transport], one.id.issuer_and_serial) for one in recipients)
    if Counter(_named(cms.RecipientInfos.load(made[slice(*infos)], strict=True))) != meant:
        return "recipients"
    begins = b"".join(piece[:_MARK_BYTES] for piece in plain[:_MARK_BYTES])[:_MARK_BYTES]
    at = der.content_start(made, encrypted[0])
    return "plaintext" if len(begins) == _MARK_BYTES and made.startswith(begins, at) else ""


def _named(infos: Any) -> Iterator[tuple[str, bytes]]:
    """Yields transport and IssuerAndSerialNumber of every recipient."""
    for info in infos:
        one = info.chosen
        transport = one["key_encryption_algorithm"]["algorithm"].dotted
        if info.name == "kari":
            for key in one["recipient_encrypted_keys"]:
                yield transport, key["rid"].chosen.dump()
        else:
            yield transport, one["rid"].chosen.dump()
