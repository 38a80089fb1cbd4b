"""Reads one HTTP/1.1 reply out of pieces as they come: plain ones by one strict pattern, all others by h11.

Relies on h11 for whatever is out of the ordinary: chunks, an end by closing, interim replies, odd line ends.
What the pattern takes h11 would take too, and mean the same by it (a test compares them); it costs a tenth.
Knows no connection, and judges no status: see `wire_connection` and `verdicts`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import h11

Headers = Sequence[tuple[bytes, bytes]]

_MAX_HEAD_BYTES = 64 * 1024
_FIELD = rb"([-!#$%&'*+.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)\r\n"
_FIELDS = re.compile(_FIELD)
_PLAIN = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?\r\n((?:" + _FIELD + rb")+)\r\n"
)
_LENGTH = re.compile(rb"[0-9]{1,9}")
_BODILESS = frozenset({204, 304})


@dataclass(slots=True)
class RawReply:
    """What came back. `fault` is empty for a whole reply, else the code of why the rest was not read.

    The headers' names are in lower case.
    """

    status: int
    headers: Headers
    body: bytes = field(default=b"", repr=False)
    fault: str = ""


class ReplyReader:
    """Reads one reply; `feed` it until it is `done`, then `reply` is there, or None when no head came."""

    def __init__(self, max_bytes: int) -> None:
        self.reply: RawReply | None = None
        self.done = False
        self.clean = False
        """True when the reply ended by its own word and another may come on this connection."""
        self.cause: Exception | None = None
        self._max_bytes = max_bytes
        self._n_missing = 0
        self._n_read = 0
        self._chunks: list[bytes] = []
        self._odd: h11.Connection | None = None

    def feed(self, piece: bytes) -> None:
        """Takes what has come, in any pieces."""
        if self._odd is not None:
            self._feed_odd(self._odd, piece)
        elif self.reply is not None:
            self._feed_plain(piece)
        elif (begun := _begin_plain(piece)) is not None and begun[1] <= self._max_bytes:
            self.reply, self._n_missing, start = begun
            self._feed_plain(piece[start:])
        else:
            self._odd = _asked()
            self._feed_odd(self._odd, piece)

    def end(self) -> None:
        """Takes the other side's goodbye: some replies end by it."""
        if self._odd is not None:
            self._feed_odd(self._odd, b"")
        if not self.done:
            self.cut()

    def cut(self) -> None:
        """Takes an end that may be anybody's doing: never the reply's own."""
        self.done = True
        if self.reply is not None:
            self.reply.body, self.reply.fault = b"".join(self._chunks), "http.reply_cut"

    def _feed_plain(self, piece: bytes) -> None:
        self._chunks.append(piece)
        self._n_missing -= len(piece)
        if self._n_missing > 0 or self.reply is None:
            return
        whole = b"".join(self._chunks)
        self.clean = self._n_missing == 0
        self.reply.body = whole if self.clean else whole[: self._n_missing]
        self.done = True

    def _feed_odd(self, odd: h11.Connection, piece: bytes) -> None:
        try:
            odd.receive_data(piece)
            while not self.done and (event := odd.next_event()) is not h11.NEED_DATA:
                self._take(odd, event)
        except h11.RemoteProtocolError as error:
            self.cause = error
            self.cut()

    def _take(self, odd: h11.Connection, event: object) -> None:
        if isinstance(event, h11.Response):
            self.reply = RawReply(event.status_code, list(event.headers))
        elif isinstance(event, h11.Data) and self.reply is not None:
            self._keep(bytes(event.data), self.reply)
        elif isinstance(event, h11.EndOfMessage) and self.reply is not None:
            self.reply.body = b"".join(self._chunks)
            self.clean = odd.our_state is odd.their_state is h11.DONE and not odd.trailing_data[0]
            self.done = True
        elif not isinstance(event, h11.InformationalResponse):
            self.cut()

    def _keep(self, data: bytes, reply: RawReply) -> None:
        self._chunks.append(data)
        self._n_read += len(data)
        if self._n_read > self._max_bytes:
            reply.fault = "http.reply_too_large"
            self.done = True


def _begin_plain(piece: bytes) -> tuple[RawReply, int, int] | None:
    """Returns a reply without its body, the body's length and where in the piece it begins.

    None unless the piece holds the whole head, and the head has every name once, gives the body's length and
    says nothing else about how the reply or the connection ends.
    """
    found = _PLAIN.match(piece)
    if found is None:
        return None
    status = int(found[1])
    headers = [(name.lower(), value.strip(b" \t")) for name, value in _FIELDS.findall(found[2])]
    known = dict(headers)
    plain = (
        len(known) == len(headers)
        and status not in _BODILESS
        and b"transfer-encoding" not in known
        and known.get(b"connection", b"keep-alive").lower() == b"keep-alive"
        and _LENGTH.fullmatch(known.get(b"content-length", b""))
    )
    return (RawReply(status, headers), int(known[b"content-length"]), found.end()) if plain else None


def _asked() -> h11.Connection:
    """Returns an h11 connection that waits for the reply to one request."""
    odd = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
    odd.send(h11.Request(method="GET", target="/", headers=[("Host", "-")]))
    odd.send(h11.EndOfMessage())
    return odd
