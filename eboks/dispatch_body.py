"""Builds the body of a v3 `Dispatch`: an escaped template around the documents in base64.

Relies on pybase64. An element tree with the document in it would cost forty times as much (facts/speed). The
order of the elements is facts/eboks a.1; the attachments are modelled (there, "where public facts stop", row
1). Reads no documents and sends nothing; the same input always gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import pybase64

from schemas.consignments import Recipient, RecipientKind
from schemas.errors import Refused

MAX_TITLE_CHARS = 50
NAMESPACE = "urn:eboks:en:3.0.0"

_TYPES = {RecipientKind.CPR: "P", RecipientKind.CVR: "V"}
# What XML 1.0 can't carry at all, and control characters that have no business in a title.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_EXTENSION = re.compile(r"[a-z0-9]{1,10}", re.ASCII)
_HTML = frozenset({"html", "htm"})
_CHARSET = re.compile(rb"""(charset\s*=\s*["']?\s*)utf-?8""", re.IGNORECASE)
_CHARSET_WITHIN = 1024


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file of a message: its plain bytes and what kind it is; `name` is shown for attachments."""

    data: bytes = field(repr=False)
    extension: str
    name: str = field(default="", repr=False)


def build_dispatch(
    recipient: Recipient,
    content_type_id: int,
    title: str,
    main: Enclosure,
    attachments: Sequence[Enclosure] = (),
) -> bytes:
    """Returns the XML body, UTF-8.

    Raises Refused `eboks.title_too_long`, `eboks.title_empty`, `eboks.title_unfit`, `eboks.extension_unfit`
    or `eboks.attachment_name_unfit`.
    """
    head = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<Dispatch xmlns="{NAMESPACE}"><DispatchRecipient><Id>{recipient.number.digits}</Id>'
        f"<Type>{_TYPES[recipient.kind]}</Type><Nationality>DK</Nationality></DispatchRecipient>"
        f"<ContentTypeId>{content_type_id:d}</ContentTypeId><Title>{_title(title)}</Title><Content><Data>"
    )
    parts = [head.encode(), _encode(main), f"</Data>{_extension(main)}</Content>".encode()]
    if attachments:
        parts.append(b"<Attachments>")
        for one in attachments:
            parts += _attachment(one)
        parts.append(b"</Attachments>")
    parts.append(b"</Dispatch>")
    return b"".join(parts)


def _title(title: str) -> str:
    if len(title) > MAX_TITLE_CHARS:
        raise Refused("eboks.title_too_long", n_chars=len(title), max_chars=MAX_TITLE_CHARS)
    if not title.strip():
        raise Refused("eboks.title_empty")
    if _UNFIT.search(title):
        raise Refused("eboks.title_unfit")
    return escape(title)


def _attachment(one: Enclosure) -> list[bytes]:
    if not one.name.strip() or _UNFIT.search(one.name):
        raise Refused("eboks.attachment_name_unfit")
    head = f"<Attachment><Name>{escape(one.name)}</Name>{_extension(one)}<Data>"
    return [head.encode(), _encode(one), b"</Data></Attachment>"]


def _extension(one: Enclosure) -> str:
    extension = one.extension.lower()
    if not _EXTENSION.fullmatch(extension):
        raise Refused("eboks.extension_unfit")
    return f"<FileExtension>{extension}</FileExtension>"


def _encode(one: Enclosure) -> bytes:
    plain = latin1_html(one.data) if one.extension.lower() in _HTML else one.data
    return pybase64.b64encode(plain)


def latin1_html(page: bytes) -> bytes:
    """Returns an HTML page in ISO-8859-1, as e-Boks wants it (facts/eboks a.0).

    A page in UTF-8 is recoded, what Latin-1 lacks becomes a character reference, and the page's own word
    about its charset follows. A page that is not UTF-8 is taken to be ISO-8859-1 already.
    """
    try:
        text = page.decode("utf-8-sig")
    except UnicodeDecodeError:
        return page
    recoded = text.encode("iso-8859-1", "xmlcharrefreplace")
    head, rest = recoded[:_CHARSET_WITHIN], recoded[_CHARSET_WITHIN:]
    return _CHARSET.sub(rb"\1iso-8859-1", head) + rest
