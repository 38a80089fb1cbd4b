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
_MAX_DOTS = 1000
# Tells relays that know it to ignore the recipient's TLS policy (RFC 8689 5): never from us.
_TLS_REQUIRED = re.compile(rb"(?:\A|\r\n)tls-required[ \t]*:", re.I)


def message_id_of(mail: bytes) -> str:
    """Returns the one Message-ID of a mail that is fit to be sent.

    Raises Refused `smtp.mail_not_fit`: `fault` is `bytes` (not 7-bit, or a bare CR or LF), `end` (no CRLF at
    the end), `headers` (none, or one that loosens TLS) or `message_id` (none, or more than one).
    """
    head = mail[: mail.find(b"\r\n\r\n") + 2]
    _demand_plain_bytes(mail, head)
    if len(head) < 3 or _TLS_REQUIRED.search(head):
        raise Refused("smtp.mail_not_fit", fault="headers")
    found = _MESSAGE_ID.findall(head)
    if len(found) != 1:
        raise Refused("smtp.mail_not_fit", fault="message_id")
    return str(found[0].decode("ascii"))


def dot_stuffed(mail: bytes) -> bytes:
    """Returns a fit mail with its leading dots doubled; the very same bytes when there are none."""
    if not _begins_a_line_with_a_dot(mail):
        return mail
    stuffed = mail.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _begins_a_line_with_a_dot(mail: bytes) -> bool:
    """Looks at each dot there is: in base64 that is none, and a tenth of a search for two bytes."""
    at = mail.find(b".")
    for _ in range(_MAX_DOTS):
        if at < 0:
            return False
        if at == 0 or mail[at - 1] in b"\r\n":
            return True
        at = mail.find(b".", at + 1)
    return b"\n." in mail or b"\r." in mail


def _demand_plain_bytes(mail: bytes, head: bytes) -> None:
    """Looks closely at the head, and at the rest so far that no bare CR or LF can end the mail early."""
    n_ends = head.count(b"\r\n")
    fits = mail.isascii() and b"\0" not in mail and mail.count(b"\n") == mail.count(b"\r")
    if not fits or head.count(b"\n") != n_ends or head.count(b"\r") != n_ends:
        raise Refused("smtp.mail_not_fit", fault="bytes")
    # What some servers take for the end of a mail is a dot on a line of its own, whatever ends the lines.
    if _begins_a_line_with_a_dot(mail) and mail.count(b"\r\n") != mail.count(b"\n"):
        raise Refused("smtp.mail_not_fit", fault="bytes")
    if not mail.endswith(b"\r\n"):
        raise Refused("smtp.mail_not_fit", fault="end")
