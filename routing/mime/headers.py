"""Writes header fields as bytes: folded, 7-bit, and never with a line break that came in a value.

Relies on RFC 5322 for folding and on RFC 2047 for texts beyond ASCII. Reads nothing: see `splitting`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

import pybase64

from routing.mime.addresses import MailAddress
from schemas.errors import Refused

MAX_LINE_CHARS = 76
MAX_VALUE_CHARS = 1000
CRLF = b"\r\n"

# Control characters, line and paragraph separators, half surrogates, and marks that turn the reading
# direction around (they make "exe.pdf" out of "fdp.exe").
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PLAIN = re.compile(r"[!-~]+( [!-~]+)*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# 30 bytes become 40 characters; with the word's frame and a header's name that keeps within a line.
_WORD_BYTES = 30


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with the name shown before it."""

    address: MailAddress
    name: str = field(default="", repr=False)


def refuse_unfit(value: str, header: str) -> None:
    """Raises Refused `mail.header_unfit` for CR, LF or anything else that has no business in a header, and
    `mail.header_too_long`; `header` is the header's name for the message."""
    if _UNFIT.search(value):
        raise Refused("mail.header_unfit", header=header)
    if len(value) > MAX_VALUE_CHARS:
        raise Refused("mail.header_too_long", header=header, max_chars=MAX_VALUE_CHARS)


def text_header(name: str, value: str) -> bytes:
    """Returns a header whose value is free text, such as Subject; Refused as `refuse_unfit`."""
    refuse_unfit(value, name)
    words = value.split(" ") if _is_plain(value) else encoded_words(value)
    return _folded(name, words)


def token_header(name: str, value: str) -> bytes:
    """Returns a header with a value of our own making in ASCII, folded at its spaces."""
    refuse_unfit(value, name)
    value.encode("ascii")
    return _folded(name, value.split(" "))


def date_header(name: str, at: datetime) -> bytes:
    """Returns a date in UTC to the second; a naive one is a fault of ours."""
    return token_header(name, format_datetime(at.astimezone(UTC).replace(microsecond=0)))


def address_header(name: str, mailboxes: Sequence[Mailbox]) -> bytes:
    """Returns a header of addresses, one a line where they do not fit on one."""
    words: list[str] = []
    for place, one in enumerate(mailboxes):
        comma = "," if place < len(mailboxes) - 1 else ""
        words += [*_name_words(one.name, name), f"<{one.address.spec}>{comma}"]
    return _folded(name, words)


def encoded_words(value: str) -> list[str]:
    """Returns a text as words of RFC 2047, none of which splits a character."""
    rest, words = value.encode(), list[str]()
    while rest or not words:
        end = min(_WORD_BYTES, len(rest))
        while end < len(rest) and rest[end] & 0xC0 == 0x80:  # in the middle of a character
            end -= 1
        words.append(f"=?utf-8?B?{pybase64.b64encode(rest[:end]).decode()}?=")
        rest = rest[end:]
    return words


def _is_plain(value: str) -> bool:
    """Says whether a text may stand as it is: ASCII, single spaces, no long word, nothing like RFC 2047."""
    return (
        bool(_PLAIN.fullmatch(value))
        and "=?" not in value
        and all(len(word) < MAX_LINE_CHARS - 1 for word in value.split(" "))
    )


def _name_words(name: str, header: str) -> list[str]:
    if not name:
        return []
    refuse_unfit(name, header)
    if _ATOMS.fullmatch(name) and _is_plain(name):
        return name.split(" ")
    if _is_plain(name):
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"'.split(" ")
    return encoded_words(name)


def _folded(name: str, words: Iterable[str]) -> bytes:
    """Returns `name: word word …`, with a line break before each word that would not fit."""
    lines, line = [], f"{name}:"
    for word in words:
        if len(line) + 1 + len(word) > MAX_LINE_CHARS and not line.endswith(":"):
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line]).encode("ascii") + CRLF
