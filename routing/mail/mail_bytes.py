"""Looks at a finished mail before it is handed over, and makes its bytes safe for SMTP.

Pure. Our mails are 7-bit and CRLF from the start (facts/speed), so this only looks, quickly; it mends nothing
but the dots. Headers' meaning is for whoever made the mail.
"""

from __future__ import annotations

import re

from schemas.errors import Refused

_MESSAGE_ID = re.compile(
    rb"(?:\A|\r\n)message-id:[ \t]*(?:\r\n[ \t]+)?(<[\x21-\x7e]{3,250}>)[ \t]*(?=\r\n)", re.I
)
# Tells relays that know it to ignore the recipient's TLS policy (RFC 8689 5): never from us.
_TLS_REQUIRED = re.compile(rb"(?:\A|\r\n)tls-required[ \t]*:", re.I)


def message_id_of(mail: bytes) -> str:
    """Returns the one Message-ID of a mail that is fit to be sent.

    Raises Refused `smtp.mail_not_fit`: `fault` is `bytes` (not 7-bit, or a bare CR or LF), `end` (no CRLF at
    the end), `headers` (none, or one that loosens TLS) or `message_id` (none, or more than one).
    """
    _demand_plain_bytes(mail)
    head = mail[: mail.find(b"\r\n\r\n") + 2]
    if len(head) < 3 or _TLS_REQUIRED.search(head):
        raise Refused("smtp.mail_not_fit", fault="headers")
    found = _MESSAGE_ID.findall(head)
    if len(found) != 1:
        raise Refused("smtp.mail_not_fit", fault="message_id")
    return str(found[0].decode("ascii"))


def dot_stuffed(mail: bytes) -> bytes:
    """Returns the mail with its leading dots doubled; the very same bytes when there are none."""
    if b"\r\n." in mail:
        mail = mail.replace(b"\r\n.", b"\r\n..")
    return b"." + mail if mail.startswith(b".") else mail


def _demand_plain_bytes(mail: bytes) -> None:
    n_ends = mail.count(b"\r\n")
    plain = mail.isascii() and b"\0" not in mail
    if not plain or mail.count(b"\n") != n_ends or mail.count(b"\r") != n_ends:
        raise Refused("smtp.mail_not_fit", fault="bytes")
    if not mail.endswith(b"\r\n"):
        raise Refused("smtp.mail_not_fit", fault="end")
