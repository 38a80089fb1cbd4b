"""Takes the parts of an opened mail apart, and writes them into a folder for a person to read.

Relies on the standard library's `email` for splitting what is inside. Renders nothing and fetches nothing: a
page of HTML is written as text, so that no double click opens it in a browser that would. Every name is made
anew, every file is for us alone, and none that is there is replaced.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path

from routing.smime.opened import Opened
from schemas.errors import BadInput, ConfigurationError

MAX_PARTS = 500
_MAX_NAME_CHARS = 80
_NOT_IN_NAMES = re.compile(r"[^\w. ()+-]+", re.ASCII)
_AS_TEXT = {"text/html": ".html.txt", "application/xhtml+xml": ".html.txt", "image/svg+xml": ".svg.txt"}
_ENDINGS = {"text/plain": ".txt", "application/pdf": ".pdf", "message/rfc822": ".eml"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a mail: its media type, the name it came with, its bytes without transfer encoding."""

    media_type: str
    name: str = field(repr=False)
    data: bytes = field(repr=False)

    @property
    def is_text(self) -> bool:
        return self.media_type == "text/plain" and not self.name


def parts_of(opened: Opened) -> list[Part]:
    """Returns the parts of what lies in the middle; BadInput `mail.parts_unreadable` when there are too many,
    too deep, or they can't be told apart."""
    try:
        message = BytesParser(policy=compat32).parsebytes(opened.entity.raw)
        parts = [_part(one) for one in message.walk() if not one.is_multipart()]
    except (RecursionError, ValueError, LookupError, AttributeError):
        raise BadInput("mail.parts_unreadable") from None
    if len(parts) > MAX_PARTS:
        raise BadInput("mail.parts_unreadable")
    return parts


def text_of(parts: list[Part]) -> str:
    """Returns the plain text of a mail, control characters taken out, so that it can do nothing to a
    terminal."""
    text = "\n".join(one.data.decode("utf-8", "replace") for one in parts if one.is_text)
    return "".join(sign for sign in text.replace("\r\n", "\n") if sign in "\n\t" or sign.isprintable())


def write_out(opened: Opened, parts: list[Part], folder: Path) -> list[Path]:
    """Writes the whole mail and each of its parts into a folder, and returns the files.

    Raises ConfigurationError `mail.out_not_empty` or `mail.out_not_writable`.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigurationError("mail.out_not_empty")
        contents = [("mail.eml", opened.entity.raw), *_named(parts)]
        return [_write(folder / name, data) for name, data in contents]
    except OSError:
        raise ConfigurationError("mail.out_not_writable") from None


def _part(message: Message) -> Part:
    data = message.get_payload(decode=True)
    if not isinstance(data, bytes):
        raise ValueError("a part without content")
    charset = message.get_content_charset()
    if message.get_content_type() == "text/plain" and charset not in (None, "utf-8", "us-ascii"):
        data = data.decode(charset, "replace").encode()
    return Part(message.get_content_type(), message.get_filename() or "", data)


def _named(parts: list[Part]) -> Iterator[tuple[str, bytes]]:
    for number, one in enumerate(parts, start=1):
        yield f"{number:02d}-{_name(one)}", one.data


def _name(part: Part) -> str:
    """Returns a name that is a plain one on every system and runs nothing by itself."""
    stem = _NOT_IN_NAMES.sub("_", part.name.replace("\\", "/").rpartition("/")[2]).strip(" ._")
    stem = stem[-_MAX_NAME_CHARS:] or ("tekst" if part.is_text else "del")
    if part.media_type in _AS_TEXT or stem.lower().endswith((".html", ".htm", ".xhtml", ".svg")):
        return f"{stem.rpartition('.')[0] or stem}{_AS_TEXT.get(part.media_type, '.html.txt')}"
    ending = _ENDINGS.get(part.media_type, "")
    return stem if not ending or stem.lower().endswith(ending) else f"{stem}{ending}"


def _write(path: Path, data: bytes) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return path
