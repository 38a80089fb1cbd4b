"""Writes DER, and steps through it: the few lines that making a CMS message needs.

Relies on nothing. A structure of known shape costs a few microseconds this way and some milliseconds through
asn1crypto, which reads our output back for the check. Judges no content: see `ber` and `reading` for what
others wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = b"\x05\x00"
OID = 0x06
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31


def tlv(tag: int, *parts: bytes) -> bytes:
    """Returns one element with its content in parts."""
    length = sum(map(len, parts))
    return b"".join([bytes([tag]), length_bytes(length), *parts])


def nested(tag: int, *parts: bytes | Sequence[bytes]) -> list[bytes]:
    """Returns one element in pieces: large content is carried along and copied once, in the end."""
    pieces: list[bytes] = []
    for part in parts:
        pieces += [part] if isinstance(part, bytes) else part
    return [bytes([tag]) + length_bytes(sum(map(len, pieces))), *pieces]


def length_bytes(length: int) -> bytes:
    """Returns a definite length in its shortest form."""
    if length < 0x80:
        return bytes([length])
    encoded = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(encoded)]) + encoded


def sequence(*parts: bytes) -> bytes:
    """Returns a SEQUENCE of ready elements."""
    return tlv(SEQUENCE, *parts)


def set_of(elements: Iterable[bytes], tag: int = SET) -> bytes:
    """Returns a SET OF, its elements in the order DER wants."""
    return tlv(tag, *sorted(elements))


def octets(*parts: bytes) -> bytes:
    """Returns an OCTET STRING."""
    return tlv(OCTET_STRING, *parts)


def integer(value: int) -> bytes:
    """Returns a non-negative INTEGER."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def context(number: int, *parts: bytes) -> bytes:
    """Returns a constructed element tagged [number]."""
    return tlv(0xA0 | number, *parts)


@cache
def oid(dotted: str) -> bytes:
    """Returns an OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    return tlv(OID, b"".join(_base128(arc) for arc in (40 * first + second, *rest)))


def algorithm(dotted: str, *parameters: bytes) -> bytes:
    """Returns an AlgorithmIdentifier."""
    return sequence(oid(dotted), *parameters)


Span = tuple[int, int]
"""Where an element begins and ends in some bytes."""


def spans_inside(data: bytes, span: Span) -> list[Span]:
    """Returns where the elements within an element stand; ValueError when they do not fill it exactly."""
    at, end = content_start(data, span[0]), span[1]
    found = []
    while at < end:
        found.append((at, element_end(data, at)))
        at = found[-1][1]
    if at != end:
        raise ValueError("an element reaches past its container")
    return found


def elements_inside(element: bytes) -> list[bytes]:
    """Returns the elements within one element."""
    return [element[start:end] for start, end in spans_inside(element, (0, len(element)))]


def element_end(data: bytes, at: int) -> int:
    """Returns where the element that begins at `at` ends."""
    start = content_start(data, at)
    first = data[at + 1]
    length = first if first < 0x80 else int.from_bytes(data[at + 2 : start], "big")
    return start + length


def content_start(data: bytes, at: int) -> int:
    """Returns where the content of the element that begins at `at` begins; definite lengths only."""
    first = data[at + 1]
    return at + 2 + (first & 0x7F if first >= 0x80 else 0)


def _base128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | value & 0x7F)
    return bytes(reversed(digits))
