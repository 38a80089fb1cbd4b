"""Writes the body of a mail: its texts, and the attachments beside them.

Relies on `base64_lines`: all content is base64, so no server on the way has a reason to change a byte. The
boundary comes from the message id alone, so a retry gives the same bytes (design 4.2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256

from routing.mime.base64_lines import encode_lines, encoded_size
from routing.mime.headers import CRLF
from routing.mime.mail import Attachment, Mail
from routing.mime.parameters import attachment_parameters
from schemas.errors import Refused

BETWEEN_TEXTS = "\r\n\r\n* * *\r\n\r\n"

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,80}")
_LINE_END = re.compile(r"\r\n|\r|\n")
# A part's own headers and boundary, never more than this with the longest name there is.
_PART_HEAD_BYTES = 2_500


def body_entity(mail: Mail, extra_parameters: str = "") -> list[bytes]:
    """Returns a body with its MIME headers, in pieces; `extra_parameters` go on its Content-Type.

    Raises Refused `mail.attachment_name_unfit`, `mail.header_unfit` or `mail.media_type_unfit`.
    """
    text = _text_part(mail.texts, "" if mail.attachments else extra_parameters)
    if not mail.attachments:
        return [b"MIME-Version: 1.0\r\n", *text]
    boundary = boundary_for(mail.heading.message_id, "mixed")
    between = b"--" + boundary + CRLF
    head = f'MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary="{boundary.decode()}"'
    pieces = [head.encode(), extra_parameters.encode(), b"\r\n\r\n", between, *text]
    for one in mail.attachments:
        pieces += [CRLF, between, *_attachment_part(one)]
    return [*pieces, CRLF, b"--", boundary, b"--\r\n"]


def boundary_for(message_id: str, purpose: str) -> bytes:
    """Returns a boundary that no base64 line can be ("=_" is never in one) and that differs by purpose."""
    return b"=_" + sha256(f"{purpose}\0{message_id}".encode()).hexdigest()[:40].encode()


def estimate_body(mail: Mail) -> int:
    """Returns how many bytes the body takes at most, within a few kilobytes, without making it."""
    n_text = sum(len(text.encode()) + text.count("\n") + len(BETWEEN_TEXTS) for _, text in mail.texts)
    sizes = [n_text, *(len(one.data) for one in mail.attachments)]
    return sum(encoded_size(size) + _PART_HEAD_BYTES for size in sizes)


def _text_part(texts: Sequence[tuple[str, str]], extra_parameters: str) -> list[bytes]:
    whole = BETWEEN_TEXTS.join(_LINE_END.sub("\r\n", text).strip("\r\n") for _, text in texts) + "\r\n"
    languages = ", ".join(language for language, _ in texts)
    head = (
        f"Content-Type: text/plain; charset=utf-8{extra_parameters}\r\n"
        f"Content-Transfer-Encoding: base64\r\nContent-Language: {languages}\r\n\r\n"
    )
    return [head.encode(), encode_lines(whole.encode())]


def _attachment_part(one: Attachment) -> list[bytes]:
    if not _MEDIA_TYPE.fullmatch(one.media_type):
        raise Refused("mail.media_type_unfit")
    names, filenames = attachment_parameters(one.name)
    kind, disposition = (
        ";\r\n ".join(parts) for parts in ([one.media_type, *names], ["attachment", *filenames])
    )
    head = (
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: {disposition}\r\n\r\n"
    )
    return [head.encode(), encode_lines(one.data)]
