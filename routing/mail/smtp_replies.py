"""Reads the replies of a mail server out of what has come so far.

Pure. RFC 5321 4.2 and RFC 2034. Bounded: a reply that is too long, or is none, is a ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_LINE_BYTES = 4096
MAX_REPLY_BYTES = 64 * 1024
MAX_LINES = 256
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?")
_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s|$)")
_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code and its lines without the code. What it says may name a person: never logged."""

    code: int
    lines: tuple[str, ...] = field(repr=False)

    @property
    def status(self) -> str:
        """The enhanced code such as `4.7.1`, or a dash when there is none."""
        found = _STATUS.match(self.lines[-1]) if self.lines else None
        return found[1] if found and found[1][0] == str(self.code)[0] else "-"

    @property
    def text(self) -> str:
        return " ".join(self.lines)

    def extensions(self) -> Mapping[str, str]:
        """Returns what an EHLO reply offers: keyword in capitals → its parameters."""
        offered: dict[str, str] = {}
        for line in self.lines[1:]:
            keyword, _, parameters = line.strip().partition(" ")
            if _KEYWORD.fullmatch(keyword):
                offered.setdefault(keyword.upper(), parameters.strip())
        return offered


def take_reply(buffer: bytearray) -> Reply | None:
    """Removes one whole reply from the front of the buffer and returns it; None while it is not all there.

    Raises ValueError for what is no reply, or for one that is longer than we read.
    """
    lines: list[str] = []
    code, start = b"", 0
    while (end := buffer.find(b"\n", start)) >= 0:
        found = _LINE.fullmatch(bytes(buffer[start:end]).rstrip(b"\r"))
        too_long = end - start > MAX_LINE_BYTES or end > MAX_REPLY_BYTES or len(lines) >= MAX_LINES
        if found is None or too_long or (code and found[1] != code):
            raise ValueError("no reply")
        code, start = found[1], end + 1
        lines.append((found[3] or b"").decode("latin-1"))
        if found[2] != b"-":
            del buffer[:start]
            return Reply(int(code), tuple(lines))
    if len(buffer) - start > MAX_LINE_BYTES or len(buffer) > MAX_REPLY_BYTES:
        raise ValueError("a reply that is too long")
    return None
