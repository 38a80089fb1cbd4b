"""Writes the parameters of a header, above all the names of attachments beyond ASCII.

Relies on RFC 2231 (`filename*`), which every current reader knows, and gives older ones the same name as an
RFC 2047 word in the Content-Type. Takes no path for a name. Reads nothing.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from routing.mime.headers import encoded_words, refuse_unfit
from schemas.errors import Refused

MAX_NAME_CHARS = 150

_SAFE = re.compile(r"[A-Za-z0-9 !#$&+,;=@^_`{}~().-]+")
_PATH = re.compile(r'[/\\:*?"<>|]')
# A section of RFC 2231 with its name and number stays within a line.
_SECTION_CHARS = 50


def attachment_parameters(name: str) -> tuple[list[str], list[str]]:
    """Returns the `name` parameters for Content-Type and the `filename` ones for Content-Disposition.

    Raises Refused `mail.attachment_name_unfit` for a path, an empty or a far too long name, and
    `mail.header_unfit` for control characters.
    """
    refuse_unfit(name, "filename")
    if _PATH.search(name) or not name.strip(" .") or len(name) > MAX_NAME_CHARS:
        raise Refused("mail.attachment_name_unfit", max_chars=MAX_NAME_CHARS)
    if _SAFE.fullmatch(name) and len(name) <= _SECTION_CHARS:
        return [f'name="{name}"'], [f'filename="{name}"']
    old_style = "\r\n ".join(encoded_words(name))
    return [f'name="{old_style}"'], _sections("filename", name)


def _sections(parameter: str, value: str) -> list[str]:
    escaped = quote(value, safe="")
    if len(escaped) <= _SECTION_CHARS:
        return [f"{parameter}*=utf-8''{escaped}"]
    parts = _cut(escaped)
    first = [f"{parameter}*0*=utf-8''{parts[0]}"]
    return first + [f"{parameter}*{number}*={part}" for number, part in enumerate(parts[1:], start=1)]


def _cut(escaped: str) -> list[str]:
    """Returns a percent-encoded text in sections that do not split an escape."""
    parts, part = [], ""
    for unit in re.findall(r"%[0-9A-F]{2}|.", escaped):
        if len(part) + len(unit) > _SECTION_CHARS:
            parts.append(part)
            part = ""
        part += unit
    return [*parts, part]
