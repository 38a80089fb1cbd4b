"""Splits a message that came in: headers from body, parts from each other, every byte kept as it came.

Relies on the standard library's `email` for reading header values only; it is never asked to write a message
again, because what it writes is not what it read (facts/secure-mail 1.6). Size is the caller's to limit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from itertools import pairwise

from routing.mime.base64_lines import decode_lines
from schemas.errors import BadInput

MAX_HEADER_BYTES = 256 * 1024

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FIRST_END = re.compile(rb"\A\r?\n")


@dataclass(frozen=True, slots=True)
class Entity:
    """One MIME entity: its headers as read, and its bytes as they came."""

    headers: Message = field(repr=False)
    body: bytes = field(repr=False)
    raw: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        return self.headers.get_content_type()

    def parameter(self, name: str) -> str:
        """Returns a parameter of the Content-Type in plain text, empty when there is none."""
        value = self.headers.get_param(name)
        return value if isinstance(value, str) else ""

    def decoded_body(self) -> bytes:
        """Returns the body without its transfer encoding; BadInput `mail.base64_damaged` or
        `mail.encoding_unknown`."""
        encoding = str(self.headers.get("Content-Transfer-Encoding", "7bit")).strip().lower()
        if encoding == "base64":
            return decode_lines(self.body)
        if encoding == "quoted-printable":
            import quopri

            return quopri.decodestring(self.body)
        if encoding in ("7bit", "8bit", "binary"):
            return self.body
        raise BadInput("mail.encoding_unknown")


def split_entity(raw: bytes) -> Entity:
    """Returns an entity; BadInput `mail.headers_too_long` when no end of the headers is found in time."""
    if raw[:1] in (b"\r", b"\n"):  # an entity may have no headers at all
        return Entity(BytesHeaderParser(policy=compat32).parsebytes(b""), _FIRST_END.sub(b"", raw), raw)
    found = _BLANK_LINE.search(raw, 0, MAX_HEADER_BYTES)
    if found is None and len(raw) > MAX_HEADER_BYTES:
        raise BadInput("mail.headers_too_long")
    head, body = (raw[: found.start()], raw[found.end() :]) if found else (raw, b"")
    return Entity(BytesHeaderParser(policy=compat32).parsebytes(head + b"\r\n\r\n"), body, raw)


def split_signed(entity: Entity) -> tuple[bytes, bytes]:
    """Returns the two parts of a multipart/signed as they came: what is signed, and the signature's entity.

    Raises BadInput `mail.signed_form` when there are not exactly two.
    """
    boundary = entity.parameter("boundary").encode("utf-8", "surrogateescape")
    if not boundary:
        raise BadInput("mail.signed_form")
    line = re.compile(rb"(?:^|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|$)")
    edges = list(line.finditer(entity.body))
    if len(edges) != 3 or not edges[2].group(1) or edges[0].group(1) or edges[1].group(1):
        raise BadInput("mail.signed_form")
    first, second = (entity.body[a.end() : b.start()] for a, b in pairwise(edges))
    return _FIRST_END.sub(b"", first), _FIRST_END.sub(b"", second)


def with_crlf(data: bytes) -> bytes:
    """Returns text with every line end as CRLF: the canonical form a signature is made over (RFC 8551
    3.1.1)."""
    return re.sub(rb"\r?\n", b"\r\n", data)
