"""Reads our own envelope again, before anybody gets it, and compares it with what was meant.

Relies on `der`: it steps through the message by its lengths and knows nothing of what wrote it. A fault found
here is one of ours and stops the channel: a message to the wrong certificate is worse than none. (asn1crypto
would read the same in ten times the time; the tests hold the two against each other.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from routing.cms import der, names
from routing.cms.keys import RecipientKey, Transport
from schemas.errors import ConfigurationError

_TRANSPORT_NAMES = {
    Transport.RSA_V15: names.RSA,
    Transport.RSA_OAEP: names.RSA_OAEP,
    Transport.ECDH: names.ECDH_SHA256_KDF,
}
_KEY_AGREEMENT = 0xA1
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
    content_type, explicit = der.spans_inside(made, (0, der.element_end(made, 0)))
    kind = names.AUTH_ENVELOPED_DATA if authenticated else names.ENVELOPED_DATA
    if made[slice(*content_type)] != der.oid(kind):
        return "content_type"
    (body,) = der.spans_inside(made, explicit)
    _, infos, content, *_ = der.spans_inside(made, body)
    _, algorithm, encrypted = der.spans_inside(made, content)
    cipher, _ = der.elements_inside(made[slice(*algorithm)])
    if cipher != der.oid(names.AES256_GCM if authenticated else names.AES256_CBC):
        return "cipher"
    meant = Counter(
        (der.oid(_TRANSPORT_NAMES[one.transport]), one.id.issuer_and_serial) for one in recipients
    )
    if Counter(_named(made[slice(*infos)])) != meant:
        return "recipients"
    begins = b"".join(piece[:_MARK_BYTES] for piece in plain[:_MARK_BYTES])[:_MARK_BYTES]
    at = der.content_start(made, encrypted[0])
    if len(begins) == _MARK_BYTES and made.startswith(begins, at):
        return "plaintext"
    return "" if explicit[1] == len(made) else "form"


def _named(infos: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields transport and IssuerAndSerialNumber of every recipient."""
    for info in der.elements_inside(infos):
        parts = der.elements_inside(info)
        transport, *_ = der.elements_inside(parts[2])
        if info[0] == _KEY_AGREEMENT:
            for key in der.elements_inside(parts[3]):
                yield transport, der.elements_inside(key)[0]
        else:
            yield transport, parts[1]
