"""Reads what e-Boks answers: the `Fejl` of an error, `Retry-After`, and a look-up's small element.

Relies on lxml, without DTD, entities or network. Takes bytes that anybody may have written, and keeps of them
numbers and digests alone: their texts may hold personal data. Judges nothing: see `verdicts`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lxml import etree

MAX_RETRY_AFTER_SECONDS = 3600.0
_MAX_ERROR_BYTES = 64 * 1024
_CODE_RANGE = range(1000, 10_000)
_CODE_KEYS = ("FejlKode", "fejlKode", "fejlkode", "code", "errorCode", "error_code")
_BARE_CODE = re.compile(r"\s*(\d{4})(?!\d)", re.ASCII)
_SECONDS = re.compile(r"-?\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, or the head of one with the `fault` that kept us from the rest.

    `headers` have lower-case names. `whole_request` is False when the answer came before we had sent all.
    `facts` are the TLS facts of the connection.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    fault: str = ""
    whole_request: bool = True
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def proof(self) -> dict[str, str]:
        """The evidence for a receipt: TLS facts, status and the digest of the body; nothing personal."""
        return {
            **self.facts,
            "status": str(self.status),
            "reply_sha256": hashlib.sha256(self.body).hexdigest(),
        }


def error_number(body: bytes) -> int | None:
    """Returns the `FejlKode` (1000–9999) of an error body, or None when there is none to be read.

    The body may be a `Fejl` in any order and namespace, JSON, or a text that begins with the number
    (facts/eboks a.1, a.5).
    """
    if not body or len(body) > _MAX_ERROR_BYTES:
        return None
    start = body.lstrip()[:1]
    if start == b"<":
        return _as_code(leaves(body, "Fejl").get("FejlKode"))
    if start in (b"{", b"["):
        return _json_code(body)
    bare = _BARE_CODE.match(body[:64].decode("utf-8", "replace"))
    return _as_code(bare[1]) if bare else None


def leaves(body: bytes, root: str) -> dict[str, str]:
    """Returns the texts of a small element's children by local name; empty unless it is that element.

    Refuses whatever carries a DOCTYPE. A name that comes twice makes the whole unreadable.
    """
    element = None if len(body) > _MAX_ERROR_BYTES or b"<!" in body else parse_xml(body)
    if element is None or local_name(element) != root:
        return {}
    found = [(local_name(child), (child.text or "").strip()) for child in element]
    return dict(found) if len({name for name, _ in found}) == len(found) else {}


def parse_xml(body: bytes) -> etree._Element | None:
    """Returns the root of an XML body, comments and instructions left out; None when it is no sound XML.

    Anything with a DOCTYPE is unreadable to us, and so nothing in it is ever expanded or fetched.
    """
    from lxml import etree

    if (
        b"<!DOCTYPE" in body or b"\0" in body
    ):  # an ASCII-like encoding has no NUL: what has one hides its text
        return None
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        element = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return element if element.getroottree().docinfo.internalDTD is None else None


def local_name(element: etree._Element) -> str:
    """Returns an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def parse_json(body: bytes) -> Any:
    """Returns the JSON value of a body, or None when it is not readable as UTF-8 JSON."""
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Returns how long the other side wants us to wait, 0 to 3600 s; None when it does not say so readably.

    Takes seconds or an HTTP date; a time in the past means 0.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        wish = float(text)
    else:
        due_at = _http_date(text)
        if due_at is None:
            return None
        wish = (due_at - now).total_seconds()
    return min(max(wish, 0.0), MAX_RETRY_AFTER_SECONDS)


def _http_date(text: str) -> datetime | None:
    try:
        due_at = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return due_at if due_at.tzinfo else due_at.replace(tzinfo=UTC)


def _json_code(body: bytes) -> int | None:
    value = parse_json(body)
    if isinstance(value, dict) and isinstance(value.get("Fejl"), dict):
        value = value["Fejl"]
    if not isinstance(value, dict):
        return None
    return next((code for key in _CODE_KEYS if (code := _as_code(value.get(key))) is not None), None)


def _as_code(value: object) -> int | None:
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) == 4):
        return None
    return int(text) if int(text) in _CODE_RANGE else None
