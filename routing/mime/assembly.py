"""Puts a mail together as bytes: open, as the payload of a secure mail, or around one.

Relies on `headers` and `bodies`. Headers are protected the way of RFC 9788: the payload carries the true
ones, says `hp="cipher"`, and lists in HP-Outer what stood outside. The older way (the whole mail as
message/rfc822 inside) shows a mail within a mail to every reader that does not know it; this one shows such
a reader the text and the attachment under the neutral subject. The tunnel wraps as message/rfc822 all the
same, because there a gateway unpacks it. Source: facts/secure-mail 1.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from routing.mime.base64_lines import encode_lines, encoded_size
from routing.mime.bodies import body_entity, estimate_body
from routing.mime.headers import CRLF, address_header, date_header, text_header, token_header
from routing.mime.mail import Heading, Mail

_HEADING_BYTES = 4_000
_SMALL_BYTES = 8_192


def plain_message(mail: Mail) -> bytes:
    """Returns the mail unencrypted, for a channel that protects the way or wraps it itself."""
    return b"".join([*heading_lines(mail.heading), *body_entity(mail)])


def protected_payload(mail: Mail, outer: Heading) -> list[bytes]:
    """Returns what is to be signed and encrypted, in pieces: true headers, what stands outside, the body."""
    shown = [b"HP-Outer: " + line for line in heading_lines(outer)]
    body = body_entity(mail, ';\r\n hp="cipher"')
    return _merged([*heading_lines(mail.heading), *shown, *body])


def wrapped_message(message: bytes) -> list[bytes]:
    """Returns a whole message as an entity (message/rfc822), its own bytes untouched."""
    return [b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n", message]


def cms_entity(content: bytes | bytearray, smime_type: str, before: bytes = b"") -> bytes:
    """Returns a CMS content as a MIME entity, after ready headers; `smime_type` as RFC 8551 3.2.2 has it."""
    head = (
        f"Content-Type: application/pkcs7-mime; smime-type={smime_type};\r\n name=smime.p7m\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Disposition: attachment; filename=smime.p7m\r\n\r\n"
    )
    return encode_lines(content, before + head.encode())


def multipart_signed(payload: Sequence[bytes], signature: bytes, boundary: bytes) -> list[bytes]:
    """Returns a payload, its bytes untouched, with its detached SHA-256 signature beside it (RFC 1847)."""
    head = (
        'Content-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n'
        f' micalg=sha-256; boundary="{boundary.decode()}"\r\n\r\n'
    )
    part = (
        "Content-Type: application/pkcs7-signature; name=smime.p7s\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Disposition: attachment; filename=smime.p7s\r\n\r\n"
    )
    edge = b"--" + boundary
    signed = [part.encode(), encode_lines(signature)]
    return _merged([head.encode(), edge, CRLF, *payload, CRLF, edge, CRLF, *signed, CRLF, edge, b"--\r\n"])


def cms_message(outer: Heading, content: bytes | bytearray, smime_type: str) -> bytes:
    """Returns a message of an outer heading and a CMS content."""
    return cms_entity(content, smime_type, b"".join([*heading_lines(outer), b"MIME-Version: 1.0\r\n"]))


def message_around(outer: Heading, entity: Sequence[bytes]) -> bytes:
    """Returns a message of an outer heading and a ready MIME entity."""
    return b"".join([*heading_lines(outer), b"MIME-Version: 1.0\r\n", *entity])


def heading_lines(heading: Heading) -> tuple[bytes, ...]:
    """Returns the header fields of a heading, each with its CRLF, in one fixed order."""
    reply_to = [] if heading.reply_to is None else [address_header("Reply-To", (heading.reply_to,))]
    return (
        date_header("Date", heading.at),
        address_header("From", (heading.sender,)),
        address_header("To", heading.to),
        *reply_to,
        text_header("Subject", heading.subject),
        token_header("Message-ID", heading.message_id),
        # RFC 3834: keeps out-of-office replies away.
        token_header("Auto-Submitted", "auto-generated"),
    )


def estimate_plain(mail: Mail) -> int:
    """Returns how many bytes `plain_message` makes at most, within a few kilobytes, without making it."""
    return _HEADING_BYTES + sum(len(box.name) * 4 + 300 for box in mail.heading.to) + estimate_body(mail)


def estimate_cms(n_payload: int, n_recipients: int, *, opaque: bool = True) -> int:
    """Returns how many bytes a signed and encrypted message around such a payload takes at most."""
    signed = encoded_size(n_payload + 20_000) if opaque else n_payload + encoded_size(20_000)
    return _HEADING_BYTES + encoded_size(signed + 2_000 + 1_500 * n_recipients)


def _merged(pieces: Sequence[bytes]) -> list[bytes]:
    """Returns the same bytes in few pieces: a hash and a cipher cost some microseconds a call."""
    merged: list[bytes] = []
    small: list[bytes] = []
    for piece in pieces:
        if len(piece) < _SMALL_BYTES:
            small.append(piece)
            continue
        merged += [b"".join(small), piece]
        small.clear()
    return [*merged, b"".join(small)]
