"""Replies of mail servers are read whole, in any pieces, and never more of them than we want."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.mail.smtp_replies import MAX_LINE_BYTES, MAX_LINES, take_reply


def read(data: bytes):
    buffer = bytearray(data)
    return take_reply(buffer), bytes(buffer)


def test_a_reply_of_several_lines_is_one():
    reply, rest = read(b"250-mx.example\r\n250-SIZE 100\r\n250-pipelining\r\n250 STARTTLS\r\n220 next")
    assert reply.code == 250
    assert reply.extensions() == {"SIZE": "100", "PIPELINING": "", "STARTTLS": ""}
    assert rest == b"220 next"


@pytest.mark.parametrize(
    ("data", "code", "status"),
    [
        (b"250 2.0.0 Ok\r\n", 250, "2.0.0"),
        (b"550 5.1.1 <x@y>: nobody\n", 550, "5.1.1"),
        (b"450\r\n", 450, "-"),
        (b"550-first\r\n550 5.7.1 last\r\n", 550, "5.7.1"),
        (b"550 2.0.0 odd\r\n", 550, "-"),
        (b"451 4.7.1000 odd\r\n", 451, "-"),
        (b"250 \xe6\xf8\xe5\r\n", 250, "-"),
    ],
)
def test_codes_are_read(data, code, status):
    reply, rest = read(data)
    assert (reply.code, reply.status, rest) == (code, status, b"")


@pytest.mark.parametrize("data", [b"", b"2", b"250", b"250-a\r\n", b"250-a\r\n250"])
def test_what_is_not_all_there_is_waited_for(data):
    assert read(data) == (None, data)


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n",
        b"25 x\r\n",
        b"150 x\r\n",
        b"650 x\r\n",
        b"250+x\r\n",
        b"250-a\r\n251 b\r\n",
        b"\r\n",
        b"\x16\x03\x01\n",
        b"2" * (MAX_LINE_BYTES + 1),
        b"250 " + b"x" * MAX_LINE_BYTES + b"\r\n",
        b"250-x\r\n" * (MAX_LINES + 1) + b"250 x\r\n",
        b"250-" + b"y" * 4000 + b"\r\n" + (b"250-" + b"y" * 4000 + b"\r\n") * 20,
    ],
)
def test_what_is_no_reply_is_told(data):
    with pytest.raises(ValueError):
        read(data)


@given(st.binary(max_size=300))
def test_anything_at_all_is_a_reply_or_waited_for_or_told(data):
    try:
        reply, rest = read(data)
    except ValueError:
        return
    assert data.endswith(rest)
    assert reply is None or (200 <= reply.code <= 599 and len(rest) < len(data))


@given(st.lists(st.integers(min_value=1, max_value=9), max_size=30))
def test_pieces_make_no_difference(sizes):
    whole, buffer, replies = b"220 hi\r\n250-a\r\n250 b\r\n354 go\r\n", bytearray(), []
    for size in [*sizes, len(whole)]:
        buffer += whole[:size]
        whole = whole[size:]
        while (reply := take_reply(buffer)) is not None:
            replies.append((reply.code, reply.lines))
    assert replies == [(220, ("hi",)), (250, ("a", "b")), (354, ("go",))]
