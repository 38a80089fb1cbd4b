"""Searches bytes for values that must never be seen, in every dress they could be written in.

A word is looked for as it is and in the encodings and codings that our own formats use: UTF-8, UTF-16,
cp1252, hexadecimal, base64 at each of its three alignments, in capitals and without; a CPR number also with
its usual separators. Says which word and which dress was found, never the value.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

_CPR = re.compile(r"\d{10}")


@dataclass(frozen=True, slots=True)
class Dress:
    """One way a canary could stand somewhere: what it is and how it is written."""

    word: str
    kind: str
    shape: bytes = field(repr=False)


def dresses(words: Mapping[str, str | bytes]) -> list[Dress]:
    """Returns every dress of every word, each shape once; `words` maps what a word is to its value."""
    shapes: dict[bytes, Dress] = {}
    for word, value in words.items():
        for kind, shape in _written(value) if isinstance(value, str) else _coded(value):
            shapes.setdefault(shape, Dress(word, kind, shape))
    return list(shapes.values())


def _written(text: str) -> Iterator[tuple[str, bytes]]:
    for cased in (text, text.lower(), text.upper()):
        for encoding in ("utf-8", "cp1252", "utf-16-le", "utf-16-be"):
            yield encoding, cased.encode(encoding)
        yield "url", quote(cased).encode()
        yield "json", json.dumps(cased)[1:-1].encode()
    if _CPR.fullmatch(text):
        for between in ("-", " ", "/", "%20"):
            yield f"with {between!r}", f"{text[:6]}{between}{text[6:]}".encode()
    yield from _coded(text.encode())


def _coded(raw: bytes) -> Iterator[tuple[str, bytes]]:
    yield "plain", raw
    yield "hex", raw.hex().encode()
    yield "hex", raw.hex().upper().encode()
    for shift in range(3):
        yield f"base64+{shift}", _base64(raw, shift)


def _base64(raw: bytes, shift: int) -> bytes:
    """Returns the part of a base64 text that depends on the value alone, `shift` bytes into a group."""
    coded = base64.b64encode(bytes(shift) + raw)
    start = {0: 0, 1: 2, 2: 3}[shift]
    n_whole = (shift + len(raw)) // 3 * 4
    return coded[start:n_whole]


def found_in(haystack: bytes, looked_for: Iterable[Dress]) -> list[str]:
    """Returns what was found, as `word (dress)`."""
    return [f"{one.word} ({one.kind})" for one in looked_for if one.shape in haystack]


def found_below(folder: Path, looked_for: Iterable[Dress], left_out: Iterable[Path] = ()) -> list[str]:
    """Returns what was found in the names and contents of everything below a folder, with the place.

    `left_out` are files and folders that are not looked at, names and all.
    """
    looked_for, left_out = list(looked_for), set(left_out)
    hits: list[str] = []
    for path in sorted(folder.iterdir()):
        if path in left_out:
            continue
        hits += [f"{one} in a name in {folder.name}/" for one in found_in(path.name.encode(), looked_for)]
        if path.is_symlink():
            continue
        if path.is_dir():
            hits += found_below(path, looked_for, left_out)
        elif path.is_file():
            place = f"{folder.name}/*{path.suffix}"
            hits += [f"{one} in {place}" for one in found_in(path.read_bytes(), looked_for)]
    return hits
