"""BER becomes definite in linear time, DER stays the same to the byte, and hostile lengths end in one
error."""

from __future__ import annotations

import pytest
from asn1crypto import cms, core
from hypothesis import given
from hypothesis import strategies as st

from routing.cms import der
from routing.cms.ber import MAX_DEPTH, MAX_ELEMENTS, definite
from schemas.errors import BadInput


def _indefinite(tag: int, *parts: bytes) -> bytes:
    return bytes([tag, 0x80]) + b"".join(parts) + b"\0\0"


def _pieces(*parts: bytes) -> list[bytes]:
    return [der.octets(part) for part in parts]


@pytest.mark.parametrize(
    ("ber", "wanted"),
    [
        (_indefinite(0x30, der.integer(5)), der.sequence(der.integer(5))),
        (_indefinite(0x24, *_pieces(b"ab", b"c")), der.octets(b"abc")),
        (der.tlv(0x24, *_pieces(b"ab", b"c")), der.octets(b"abc")),
        (_indefinite(0x24), der.octets(b"")),
        (_indefinite(0x24, _indefinite(0x24, *_pieces(b"a")), *_pieces(b"b")), der.octets(b"ab")),
        # Something around a string stays; a string that is itself [0] becomes one string.
        (
            der.sequence(der.oid("1.2.3"), _indefinite(0xA0, der.octets(b"a"))),
            der.sequence(der.oid("1.2.3"), der.context(0, der.octets(b"a"))),
        ),
        (
            _indefinite(0x30, der.oid("1.2.3"), der.sequence(), _indefinite(0xA0, *_pieces(b"a", b"b"))),
            der.sequence(der.oid("1.2.3"), der.sequence(), der.tlv(0x80, b"ab")),
        ),
        (
            _indefinite(0x30, der.oid("1.2.3"), der.sequence(), _indefinite(0xA0)),
            der.sequence(der.oid("1.2.3"), der.sequence(), der.tlv(0x80)),
        ),
    ],
)
def test_lengths_become_definite_and_strings_whole(ber: bytes, wanted: bytes) -> None:
    assert definite(ber) == wanted


def test_der_and_longer_lengths_stay_as_they_are() -> None:
    for same in (
        der.sequence(der.integer(1), der.set_of([der.octets(b"x")])),
        b"\x30\x82\x00\x03\x02\x01\x01",
    ):
        assert definite(same) == same


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x05\x02\x01",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x02\x02\x05\x01\x01\x01",  # a child reaches past its parent
        b"\x30\x80\x02\x01\x01",  # never ends
        b"\x04\x80\x00\x00",  # a plain string without a length
        b"\x24\x80\x02\x01\x01\x00\x00",  # a number among the pieces of a string
        b"\x1f\x81\x01\x00",
        b"\x30\x00\x00",
        b"\x30\x8b" + b"\0" * 10 + b"\x01\x00",
        _indefinite(0x30) * 2,
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        definite(data)
    assert caught.value.code == "cms.form"


def test_depth_and_number_of_elements_are_limited() -> None:
    for data in (
        b"\x30\x80" * (MAX_DEPTH + 5) + b"\0\0" * (MAX_DEPTH + 5),
        _indefinite(0x24, b"\x04\x00" * (MAX_ELEMENTS + 1)),
        b"\x30\x80" * 1_000_000,
    ):
        with pytest.raises(BadInput) as caught:
            definite(data)
        assert caught.value.code == "cms.form"


@given(st.binary(max_size=120))
def test_no_bytes_at_all_bring_another_error(data: bytes) -> None:
    try:
        definite(data)
    except BadInput as error:
        assert error.code == "cms.form"


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_asn1crypto_reads_the_result_as_it_reads_the_pieces(parts: list[bytes]) -> None:
    ber = _indefinite(0x24, *_pieces(*parts))
    assert core.OctetString.load(definite(ber)).native == b"".join(parts)


def test_thirty_megabytes_in_small_pieces_are_read_whole() -> None:
    # asn1crypto alone needs quadratic time for these; a fall back to it would meet the test's time limit.
    text = _indefinite(0x24, der.octets(b"x" * 256) * (4 * 1024 * 30))
    info = _indefinite(0x30, der.oid("1.2.840.113549.1.7.1"), _indefinite(0xA0, text))
    assert len(cms.ContentInfo.load(definite(info))["content"].native) == 30 * 1024 * 1024
