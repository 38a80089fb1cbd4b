"""Reads an index's bytes into records, strictly: lines are counted, quotes must close, nothing is guessed.

Relies on the standard library's csv reader in its strict mode. Knows no column and judges no value;
whatever can't be read without the danger of a shifted column is BadInput of the family `index`, with its
line. Source of the rules: design 8.1, facts/uddata.md 6.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Literal, TextIO

from schemas.errors import BadInput

Declared = Literal["utf-8", "cp1252", "auto"]
Record = tuple[int, list[str]]
"""A record's first physical line (the header is line 1) and its fields as they stand."""

_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SPELLED = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "cp1252": "Windows-1252"}


def find_encoding(data: bytes, declared: Declared) -> str:
    """Returns the encoding that reads the whole text.

    A byte order mark always wins; `auto` is strict UTF-8, else cp1252. Raises BadInput `index.bad_encoding`
    with the line of the first byte that can't be read, and `index.nul_byte`.
    """
    if data.startswith(_WIDE):
        raise BadInput("index.bad_encoding", line=1, encoding="UTF-8")
    at = data.find(b"\0")
    if at >= 0:
        raise BadInput("index.nul_byte", line=_line_at(data, at))
    if data.startswith(codecs.BOM_UTF8):
        return _checked(data, "utf-8-sig")
    if declared == "auto":
        return "utf-8" if is_utf8(data) else _checked(data, "cp1252")
    return _checked(data, declared)


def is_utf8(data: bytes) -> bool:
    """True when the bytes are UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _checked(data: bytes, encoding: str) -> str:
    try:
        data.decode(encoding)
    except UnicodeDecodeError as fault:
        line = _line_at(data, fault.start)
        raise BadInput("index.bad_encoding", line=line, encoding=_SPELLED[encoding]) from None
    return encoding


def _line_at(data: bytes, position: int) -> int:
    before = data[:position]
    return 1 + before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")


def read_records(data: bytes, encoding: str, separator: str) -> Iterator[Record]:
    """Yields every record that is not blank; LF, CRLF and CR may end a line.

    Raises BadInput `index.open_quote` with the record's first line: for a quote that never closes, text
    after a closing quote, or a quoted field that swallows both a line end and a separator (two stray quotes
    look like that, and the columns between them would be somebody else's). `index.field_too_long` for a
    field over 128 KB.
    """
    return read_text_records(io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline=""), separator)


def read_text_records(text: TextIO, separator: str) -> Iterator[Record]:
    """Yields every record of a text that was opened with `newline=""`, as `read_records`."""
    reader = csv.reader(text, delimiter=separator, strict=True)
    line = 1
    try:
        for fields in reader:
            if reader.line_num > line and any(_swallows(field, separator) for field in fields):
                raise BadInput("index.open_quote", line=line)
            if any(fields) and any(field.strip() for field in fields):
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as fault:
        too_long = "limit" in str(fault) and reader.line_num <= line
        raise BadInput("index.field_too_long" if too_long else "index.open_quote", line=line) from None


def _swallows(field: str, separator: str) -> bool:
    return separator in field and ("\n" in field or "\r" in field)
