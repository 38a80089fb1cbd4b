"""One kept-alive HTTP/1.1 connection over TLS, that knows exactly how far a request has come.

Relies on asyncio for the socket, on the standard library's TLS over memory buffers, and on `wire_replies` for
reading. The TLS is pumped here, and not by asyncio, because only so can it be told whether every byte of
a request had left this process when a connection broke: the operating system's socket takes bytes or does
not, and nothing lies in between. Does no pooling, no deadlines and no judging: see `wire_pool` and `wire`.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress

from eboks.wire_replies import Headers, RawReply, ReplyReader

_PIECE_BYTES = 256 * 1024
"""How much is encrypted and written at once: an ordinary letter whole, a large one without a second copy."""
_READ_BYTES = 64 * 1024
_FIT_HEAD = re.compile(
    rb"[A-Z]+ [\x21-\x7e]+ HTTP/1\.1\r\n(?:[-!#$%&'*+.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*\r\n)+\r\n"
)
_WITH_BODY = frozenset({"POST", "PUT"})
_SETTLE_SECONDS = 0.25


class Broken(Exception):
    """The connection gave out during an exchange.

    `code` is a stable code; `cause` is the library's own error, if any. How far the request had come is the
    connection's to tell (`handed_over`, `heard`).
    """

    def __init__(self, code: str, cause: Exception | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.cause = cause


class Connection(asyncio.Protocol):
    """A connection in use by one call at a time."""

    def __init__(self, context: ssl.SSLContext, host: str, max_reply_bytes: int) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.context = context
        self._max_reply_bytes = max_reply_bytes
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._plain: list[bytes] = []
        self._error: Exception | None = None
        self._ready = False
        self._ended = False
        self._ended_cleanly = False
        self._paused = False
        self._in_use = True
        self._written = False
        self._fed = False
        self.heard = False
        """True once a byte of a reply has come on this connection."""
        self.n_exchanges = 0
        self.idle_since = 0.0
        self.facts: Mapping[str, str] = {}
        """TLS version, cipher and the SHA-256 of the server's certificate, for receipts."""

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport  # asyncio has set TCP_NODELAY
        # Any byte that the system did not take at once pauses us; we hear again when all are taken.
        transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        if self._ready:
            self._pull()
        self._wake()

    def eof_received(self) -> bool:
        self._incoming.write_eof()
        if self._ready:
            self._pull()
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = self._error or exc
        self._wake()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()

    # --- what the pool asks and does

    @property
    def handed_over(self) -> bool:
        """True when every byte of the last request was taken by the operating system."""
        return self._written and not self._paused

    @property
    def reusable(self) -> bool:
        """True when another request may go this way."""
        transport = self._transport
        return self._ready and not self._ended and transport is not None and not transport.is_closing()

    def abort(self) -> None:
        """Cuts the connection: nothing more leaves, whatever was still to be written."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Says goodbye and closes."""
        self._ended = True
        if self._transport is None or self._transport.is_closing():
            return
        with suppress(ssl.SSLError):  # the other side's goodbye is not waited for
            self._tls.unwrap()
        self._flush()
        self._transport.close()

    async def open(self) -> None:
        """Does the TLS handshake; raises Broken with the library's error as `cause`.

        In TLS 1.3 a server judges our certificate only after our side has finished, so we hear it out for a
        moment (its session tickets, or its alert) before any byte of a letter leaves.
        """
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                if self._ended:
                    raise Broken("tls.handshake_cut", self._error) from None
                await self._wait()
            except ssl.SSLError as error:
                self._flush()
                raise Broken("tls.handshake_cut", error) from None
        self._flush()
        self._ready = True
        self.facts = self._read_facts()
        if self._tls.version() == "TLSv1.3":
            await self._hear_out()
        self._in_use = False

    async def exchange(self, method: str, target: bytes, headers: Headers, body: bytes) -> RawReply:
        """Sends one request and returns the reply, perhaps with a `fault`; raises Broken when none came.

        `headers` say nothing of the body's length. ValueError for a request that is none: a bug of ours.
        """
        head = request_head(method, target, headers, len(body))
        self._start()
        await self._write([head, body])
        reader = ReplyReader(self._max_reply_bytes)
        while not reader.done:
            await self._feed(reader)
        self._finish(reader)
        if reader.reply is None:
            code = "http.reply_unreadable" if self._fed else "http.no_answer"
            raise Broken(code, self._error or reader.cause)
        return reader.reply

    # --- writing

    def _start(self) -> None:
        self._written = False
        self._fed = False
        self._in_use = True
        self.n_exchanges += 1

    async def _write(self, parts: list[bytes]) -> None:
        """Writes all parts, the small ones together; stops early when a reply comes before the end."""
        room = _PIECE_BYTES
        for part in parts:
            view = memoryview(part)
            while view:
                count = self._encrypt(view[:room])
                view, room = view[count:], room - count
                if room <= 0:
                    await self._drain()
                    room = _PIECE_BYTES
                    if self._ended or self._plain:
                        return
        self._flush()
        assert self._transport is not None
        self._written = not self._transport.is_closing()

    def _encrypt(self, piece: memoryview) -> int:
        try:
            return self._tls.write(piece)
        except ssl.SSLError as error:
            raise Broken("http.no_answer", self._error or error) from None

    async def _drain(self) -> None:
        self._flush()
        while self._paused and not self._ended and not self._plain:
            await self._wait()

    def _flush(self) -> None:
        if self._outgoing.pending and self._transport is not None:
            self._transport.write(self._outgoing.read())

    # --- reading

    def _pull(self) -> None:
        """Moves what has been decrypted to `_plain`; remembers an alert, a goodbye or a broken record."""
        try:
            while True:
                data = self._tls.read(_READ_BYTES)
                if not data:
                    self._ended = self._ended_cleanly = True
                    break
                self._plain.append(data)
                if not self._incoming.pending and not self._tls.pending():
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._ended = self._ended_cleanly = True
        except ssl.SSLError as error:
            self._ended = True
            self._error = self._error or error
        if self._plain and not self._in_use:
            self._ended = True  # nobody asked: whatever this is, the next reply must not be it
        if self._ended:
            self._flush()

    async def _feed(self, reader: ReplyReader) -> None:
        """Gives the reader what has come, or the end; waits until there is either."""
        while not self._plain and not self._ended:
            await self._wait()
        if self._plain:
            self.heard = self._fed = True
            piece = b"".join(self._plain)
            self._plain.clear()
            reader.feed(piece)
        elif self._ended_cleanly:
            reader.end()
        else:
            reader.cut()  # without TLS's goodbye the end may be anybody's doing

    def _finish(self, reader: ReplyReader) -> None:
        """Leaves the connection ready for another request, or ended when it can't be."""
        if not reader.clean or not self.handed_over or self._plain:
            self._ended = True
        self._in_use = False

    # --- waiting

    async def _hear_out(self) -> None:
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                await self._wait()
        except TimeoutError:
            return
        if self._error is not None or self._ended:
            raise Broken("tls.handshake_cut", self._error)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _read_facts(self) -> Mapping[str, str]:
        certificate = self._tls.getpeercert(binary_form=True) or b""
        cipher = self._tls.cipher()
        return {
            "tls_version": self._tls.version() or "",
            "tls_cipher": cipher[0] if cipher else "",
            "peer_certificate_sha256": hashlib.sha256(certificate).hexdigest(),
        }


def request_head(method: str, target: bytes, headers: Headers, n_bytes: int) -> bytes:
    """Returns a request's first lines; ValueError for a header that is more than one line, or the like."""
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), target)]
    lines += [b"%b: %b" % header for header in headers]
    if n_bytes or method in _WITH_BODY:
        lines.append(b"Content-Length: %d" % n_bytes)
    head = b"\r\n".join([*lines, b"", b""])
    # As many line ends as lines: else a value brought a header of its own.
    if head.count(b"\n") != len(lines) + 1 or not _FIT_HEAD.fullmatch(head):
        raise ValueError("a request that is none")
    return head
