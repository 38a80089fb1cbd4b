"""The files and words of a letter as e-Boks takes them, whichever way they go there: checked, and in base64.

Relies on pybase64. Reads no documents and writes no XML: see `dispatch_body` and `soap.envelope`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pybase64

from schemas.errors import Refused

MAX_TITLE_CHARS = 50
MAX_NAME_CHARS = 254

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


def fit_title(title: str) -> str:
    """Returns the title.

    Raises Refused `eboks.title_too_long`, `eboks.title_empty` or `eboks.title_unfit`.
    """
    if len(title) > MAX_TITLE_CHARS:
        raise Refused("eboks.title_too_long", n_chars=len(title), max_chars=MAX_TITLE_CHARS)
    if not title.strip():
        raise Refused("eboks.title_empty")
    if _UNFIT.search(title):
        raise Refused("eboks.title_unfit")
    return title


def fit_extension(one: Enclosure) -> str:
    """Returns the file's extension in small letters; raises Refused `eboks.extension_unfit`."""
    extension = one.extension.lower()
    if not _EXTENSION.fullmatch(extension):
        raise Refused("eboks.extension_unfit")
    return extension


def fit_name(one: Enclosure) -> str:
    """Returns the name an attachment is shown by; raises Refused `eboks.attachment_name_unfit`."""
    if not one.name.strip() or len(one.name) > MAX_NAME_CHARS or _UNFIT.search(one.name):
        raise Refused("eboks.attachment_name_unfit")
    return one.name


def in_base64(one: Enclosure) -> bytes:
    """Returns the file's content as it stands in a message."""
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
