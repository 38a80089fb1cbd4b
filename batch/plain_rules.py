"""Judges plain text and images by their own bytes: is the file what its extension says?

Relies on nothing but `schemas.errors`. Does not decode pictures; does not look at what a text means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from schemas.errors import BadInput

_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_PNG_END = b"IEND\xaeB`\x82"
_TAIL_BYTES = 64
MAX_TIF_PAGES = 10_000
_TIF_STRIPS = (273, 279)  # where the pieces of a page begin, and how long each is
_TIF_TILES = (324, 325)
_TIF_SHORT = 3


def read_text(data: bytes) -> str:
    """Returns the text of a file in UTF-8 (with or without BOM) or else ISO-8859-1.

    Raises BadInput `document.type_mismatch` when it holds characters that no text shows.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("iso-8859-1")
    if _CONTROLS.search(text):
        raise BadInput("document.type_mismatch")
    return text


def check_image(data: bytes, extension: str) -> None:
    """Raises BadInput `document.type_mismatch` for another kind of file, `document.damaged` for a cut one."""
    if not data.startswith(_STARTS[extension]):
        raise BadInput("document.type_mismatch")
    if not (_is_whole_tif(data) if extension == "tif" else _ENDS[extension] in data[-_TAIL_BYTES:]):
        raise BadInput("document.damaged")


def _is_whole_tif(data: bytes) -> bool:
    """True when every page's directory, and every piece of picture it points at, lies inside the file."""
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    place, n_pages = int.from_bytes(data[4:8], order), 0
    while place and n_pages < MAX_TIF_PAGES:
        n_pages += 1
        n_entries = int.from_bytes(data[place : place + 2], order)
        after = place + 2 + 12 * n_entries
        if not n_entries or after + 4 > len(data):
            return False
        entries = {
            int.from_bytes(data[at : at + 2], order): _tif_values(data, at, order)
            for at in range(place + 2, after, 12)
            if int.from_bytes(data[at : at + 2], order) in (*_TIF_STRIPS, *_TIF_TILES)
        }
        if not any(_pieces_inside(entries, *tags, len(data)) for tags in (_TIF_STRIPS, _TIF_TILES)):
            return False
        place = int.from_bytes(data[after : after + 4], order)
    return n_pages > 0 and not place


def _tif_values(data: bytes, entry: int, order: Literal["little", "big"]) -> list[int]:
    """Returns the numbers of one directory entry, empty when they aren't in the file."""
    size = 2 if int.from_bytes(data[entry + 2 : entry + 4], order) == _TIF_SHORT else 4
    n_values = int.from_bytes(data[entry + 4 : entry + 8], order)
    start = entry + 8 if size * n_values <= 4 else int.from_bytes(data[entry + 8 : entry + 12], order)
    if start + size * n_values > len(data):
        return []
    return [int.from_bytes(data[at : at + size], order) for at in range(start, start + size * n_values, size)]


def _pieces_inside(entries: Mapping[int, list[int]], starts: int, lengths: int, n_bytes: int) -> bool:
    places, sizes = entries.get(starts, []), entries.get(lengths, [])
    pairs = zip(places, sizes, strict=False)
    return len(places) == len(sizes) > 0 and all(place + size <= n_bytes for place, size in pairs)


_STARTS: dict[str, tuple[bytes, ...]] = {
    "png": (_PNG_START,),
    "jpg": (b"\xff\xd8\xff",),
    "tif": (b"II*\x00", b"MM\x00*"),
}
_ENDS = {"png": _PNG_END, "jpg": b"\xff\xd9"}
