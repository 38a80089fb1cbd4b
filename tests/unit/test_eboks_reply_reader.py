"""The reply reader takes exactly what h11 takes, in any pieces, and means the same by it."""

from __future__ import annotations

import h11
import pytest

from eboks.wire_connection import request_head
from eboks.wire_replies import ReplyReader

MAX_BYTES = 1_000
OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 2\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"

REPLIES = [
    SIZED + b"\r\nok",
    SIZED + b"X: \t a b \t\r\nserver:x\r\nE:\r\n\r\nok",
    SIZED + b"Connection: keep-alive\r\n\r\nok",
    SIZED + b"Connection: close\r\n\r\nok",
    SIZED + b"Connection: keep-alive, close\r\n\r\nok",
    SIZED + b"\r\no",
    SIZED + b"\r\nokX",
    SIZED + b"\r\nok\r\n",
    SIZED + b"\r\nok" + SIZED + b"\r\nok",
    SIZED + b"Content-Length: 2\r\n\r\nok",
    SIZED + b"Content-Length: 3\r\n\r\nokk",
    SIZED + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    SIZED + b"X: a\r\n folded\r\n\r\nok",
    SIZED + b"X: a\x00b\r\n\r\nok",
    SIZED + b"X: a\rb\r\n\r\nok",
    SIZED + b"X: a\x01b\r\n\r\nok",
    SIZED + b"X: a\xe6b\r\n\r\nok",
    SIZED + b"X y: a\r\n\r\nok",
    SIZED + b"X : a\r\n\r\nok",
    SIZED + b": a\r\n\r\nok",
    SIZED + b"nocolon\r\n\r\nok",
    OK + b"Content-Length: 2, 2\r\n\r\nok",
    OK + b"Content-Length: +2\r\n\r\nok",
    OK + b"Content-Length: 0x2\r\n\r\nok",
    OK + b"Content-Length:\r\n\r\nok",
    OK + b"Content-Length: 0\r\n\r\n",
    OK + b"Content-Length: 99999999999999999999\r\n\r\nok",
    OK + b"Content-Length: 1000\r\n\r\n" + b"x" * 1_000,
    OK + b"Content-Length: 1001\r\n\r\n" + b"x" * 1_001,
    OK + b"Content-Length: 1001\r\n\r\n" + b"x" * 900,
    CHUNKED + b"\r\n2\r\nok\r\n0\r\n\r\n",
    CHUNKED + b"\r\n2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n",
    CHUNKED + b"\r\n5\r\nok",
    CHUNKED + b"\r\n2\r\nokXX0\r\n\r\n",
    CHUNKED + b"\r\n" + b"1F4\r\n" + b"x" * 500 + b"\r\n1F5\r\n" + b"x" * 501 + b"\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    OK + b"\r\nuntil the end",
    OK + b"Connection: close\r\n\r\nuntil the end",
    b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 600 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 O\x00K\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 404 Findes ikke \xe6\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 204 No\r\nX: y\r\n\r\n",
    b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED + b"\r\nok",
    b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nok" + SIZED + b"\r\nok",
    b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n" + SIZED + b"\r\nok",
    b"220 smtp ready\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"\x00\x01\x02\r\n\r\n",
    b"",
]


def told(data: bytes, *, goodbye: bool):
    """Returns what h11 alone makes of a reply: status, headers, body, fault, clean; None without a head."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=64 * 1024)
    http.send(h11.Request(method="PUT", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    http.send(h11.EndOfMessage())
    head: tuple[object, ...] = ()
    body, ended = b"", False
    try:
        if data:
            http.receive_data(data)
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA and (ended or not goodbye):
                break
            if event is h11.NEED_DATA:
                http.receive_data(b"")
                ended = True
            elif isinstance(event, h11.Response):
                head = (event.status_code, list(event.headers))
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
                if len(body) > MAX_BYTES:
                    return (*head, b"", "http.reply_too_large", False)
            elif isinstance(event, h11.EndOfMessage):
                clean = http.our_state is http.their_state is h11.DONE and not http.trailing_data[0]
                return (*head, body, "", clean)
            elif not isinstance(event, h11.InformationalResponse):
                break
    except h11.RemoteProtocolError:
        pass
    return (*head, body, "http.reply_cut", False) if head else None


def read(pieces: list[bytes], *, goodbye: bool):
    reader = ReplyReader(MAX_BYTES)
    for piece in pieces:
        if piece and not reader.done:
            reader.feed(piece)
    if not reader.done:
        reader.end() if goodbye else reader.cut()
    assert reader.done
    reply = reader.reply
    return None if reply is None else (reply.status, reply.headers, reply.body, reply.fault, reader.clean)


@pytest.mark.parametrize("goodbye", [True, False])
@pytest.mark.parametrize("data", REPLIES)
def test_a_whole_piece_means_what_h11_says(data, goodbye):
    assert read([data], goodbye=goodbye) == told(data, goodbye=goodbye)


@pytest.mark.parametrize("data", [data for data in REPLIES if len(data) < 200])
def test_where_it_is_cut_in_two_changes_nothing_but_what_is_seen_after_it(data):
    whole = read([data], goodbye=True)
    for place in range(len(data)):
        halves = read([data[:place], data[place:]], goodbye=True)
        # What follows a reply that is done already is the connection's to find.
        assert (halves and halves[:4]) == (whole and whole[:4])


def test_a_plain_reply_needs_no_second_reader(monkeypatch):
    monkeypatch.setattr("eboks.wire_replies._asked", lambda: pytest.fail("this one is plain"))
    plain = SIZED + b"Content-Type: application/json; charset=utf-8\r\nDate: now\r\nServer: x\r\n\r\nok"
    assert read([plain[:-1], b"k"], goodbye=False)[2:] == (b"ok", "", True)


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("PUT", b"/a\r\nX: y", [(b"Host", b"x")]),
        ("PUT", b"/a b", [(b"Host", b"x")]),
        ("PUT", b"/a", [(b"Host", b"x\r\nContent-Length: 0")]),
        ("PUT", b"/a", [(b"Ho st", b"x")]),
        ("PUT /b", b"/a", [(b"Host", b"x")]),
        ("PUT", b"/a", [(b"Host", b"x\n")]),
    ],
)
def test_a_request_that_says_more_than_it_should_is_never_sent(method, target, headers):
    with pytest.raises(ValueError):
        request_head(method, target, headers, 2)


def test_the_length_is_the_connections_own_word():
    head = request_head("PUT", b"/a", [(b"Host", b"x")], 7)
    assert head == b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n"
    assert b"Content-Length" not in request_head("GET", b"/a", [(b"Host", b"x")], 0)
    assert b"Content-Length: 0\r\n" in request_head("PUT", b"/a", [(b"Host", b"x")], 0)
