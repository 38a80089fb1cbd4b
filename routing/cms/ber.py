"""Turns BER into definite lengths and whole strings, in one linear pass, before asn1crypto sees it.

Relies on nothing. gpgsm, Java Mail and `openssl cms -stream` write indefinite lengths and strings in
pieces, which asn1crypto reads in quadratic time: 30 MB take 9 seconds (facts/secure-mail 1.4). Elements
that are fine stay the same to the byte, signed attributes and certificates among them. Judges no content.
"""

from __future__ import annotations

from dataclasses import dataclass

from routing.cms import der
from schemas.errors import BadInput

MAX_DEPTH = 40
MAX_ELEMENTS = 300_000

_CONSTRUCTED = 0x20
_STRING_IN_PIECES = der.OCTET_STRING | _CONSTRUCTED
_CONTEXT_0 = 0xA0
_END = b"\x00\x00"


@dataclass(frozen=True, slots=True)
class _Element:
    """One element: where its whole bytes stand, or what they had to become."""

    tag: int
    start: int
    stop: int
    changed: bytes | None = None

    def whole(self, data: bytes) -> bytes:
        return data[self.start : self.stop] if self.changed is None else self.changed


def definite(data: bytes) -> bytes:
    """Returns the one element that `data` is, with definite lengths and strings in one piece.

    Raises BadInput `cms.form` for anything else, also for more than MAX_ELEMENTS or MAX_DEPTH.
    """
    reader = _Reader(data)
    try:
        element = reader.element(0, len(data), 0)
    except IndexError:
        raise BadInput("cms.form") from None
    if element.stop != len(data):
        raise BadInput("cms.form")
    return element.whole(data)


class _Reader:
    """Walks through the elements and counts them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._n_elements = 0

    def element(self, at: int, end: int, depth: int) -> _Element:
        """Reads the element at `at`, which must end by `end`."""
        self._n_elements += 1
        tag = self._data[at]
        # CMS has no tag above 30, which would take more than one byte.
        if self._n_elements > MAX_ELEMENTS or depth > MAX_DEPTH or tag & 0x1F == 0x1F:
            raise BadInput("cms.form")
        if self._data[at + 1] == 0x80:
            return self._indefinite(tag, at, end, depth)
        start = der.content_start(self._data, at)
        stop = der.element_end(self._data, at)
        if stop > end or start > stop or start - at > 10:
            raise BadInput("cms.form")
        if not tag & _CONSTRUCTED:
            return _Element(tag, at, stop)
        children = self._children(start, stop, depth)
        if tag != _STRING_IN_PIECES and not any(child.changed for child in children):
            return _Element(tag, at, stop)
        return _Element(tag, at, stop, self._rebuilt(tag, children))

    def _indefinite(self, tag: int, at: int, end: int, depth: int) -> _Element:
        if not tag & _CONSTRUCTED:
            raise BadInput("cms.form")
        children, place = [], at + 2
        while self._data[place : place + 2] != _END:
            if place >= end:
                raise BadInput("cms.form")
            children.append(self.element(place, end, depth + 1))
            place = children[-1].stop
        return _Element(tag, at, place + 2, self._rebuilt(tag, children))

    def _children(self, at: int, end: int, depth: int) -> list[_Element]:
        children = []
        while at < end:
            children.append(self.element(at, end, depth + 1))
            at = children[-1].stop
        return children

    def _rebuilt(self, tag: int, children: list[_Element]) -> bytes:
        if tag == _STRING_IN_PIECES:
            return der.tlv(der.OCTET_STRING, *self._pieces(children))
        wholes = [child.whole(self._data) for child in children]
        if self._ends_in_pieces(tag, children):
            # EncryptedContentInfo: its [0] is the string itself, in pieces, and not something around one.
            pieces = [_content(piece) for piece in _elements(wholes[2])]
            wholes[2] = der.tlv(_CONTEXT_0 & ~_CONSTRUCTED, *pieces)
        return der.tlv(tag, *wholes)

    def _pieces(self, children: list[_Element]) -> list[bytes]:
        if any(child.tag not in (der.OCTET_STRING, _STRING_IN_PIECES) for child in children):
            raise BadInput("cms.form")
        return [_content(child.whole(self._data)) for child in children]

    def _ends_in_pieces(self, tag: int, children: list[_Element]) -> bool:
        tags = [child.tag for child in children]
        if tag != der.SEQUENCE or tags != [der.OID, der.SEQUENCE, _CONTEXT_0]:
            return False
        return all(piece[0] == der.OCTET_STRING for piece in _elements(children[2].whole(self._data)))


def _elements(whole: bytes) -> list[bytes]:
    return der.elements_inside(whole)


def _content(whole: bytes) -> bytes:
    return whole[der.content_start(whole, 0) :]
