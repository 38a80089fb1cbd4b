"""One connection to a mail server, first plain and then under TLS, that knows what has left this process.

Relies on asyncio for the socket, on the standard library's TLS over memory buffers, and on `smtp_replies`.
The TLS is pumped here, and not by asyncio, for two reasons: nothing that came before the handshake can be
taken for something that came under it, and it can be told whether the final dot was handed to the operating
system. Knows no commands and no deadlines: see `smtp_session`.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from routing.mail.smtp_replies import MAX_REPLY_BYTES, Reply, take_reply
from routing.mail.trust import Peer, fault_code, peer_of

_PIECE_BYTES = 256 * 1024
_READ_BYTES = 64 * 1024


class Broken(Exception):
    """The connection gave out; `code` is a stable code, `cause` the library's own error."""

    def __init__(self, code: str, cause: Exception | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.cause = cause


class Wire(asyncio.Protocol):
    """A connection in use by one conversation at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._unread = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._secure = False
        self._ended = False
        self._paused = False
        self.idle = False
        """Set while nobody talks: whatever comes then ends the connection."""

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport  # asyncio has set TCP_NODELAY
        # Any byte that the system did not take at once pauses us; we hear again when all are taken.
        transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        if self._tls is None:
            self._unread += data
        else:
            self._incoming.write(data)
            self._pull()
        if len(self._unread) > 2 * MAX_REPLY_BYTES or (self.idle and self._unread):
            self._ended = True
        self._wake()

    def eof_received(self) -> bool:
        if self._tls is not None:
            self._incoming.write_eof()
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

    # --- what a conversation asks and does

    @property
    def handed_over(self) -> bool:
        """True when the operating system has taken every byte that was written."""
        return not self._paused

    @property
    def alive(self) -> bool:
        transport = self._transport
        return not self._ended and transport is not None and not transport.is_closing()

    @property
    def has_word(self) -> bool:
        """True when something has come that nobody has read, or the other side has gone."""
        return bool(self._unread) or not self.alive

    def discard(self) -> None:
        """Throws away what has come and was not read."""
        self._unread.clear()

    def abort(self) -> None:
        """Cuts the connection: nothing more leaves, whatever was still to be written."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    def close(self, last_words: bytes = b"") -> None:
        """Says goodbye without waiting for an answer, and closes."""
        if self._transport is None or self._transport.is_closing():
            return
        if not self._ended:
            with suppress(Broken, ssl.SSLError):
                self._encrypt(memoryview(last_words))
                if self._tls is not None:
                    self._tls.unwrap()
        self._flush()
        self._ended = True
        self._transport.close()

    async def start_tls(self, context: ssl.SSLContext, name: str) -> Peer:
        """Does the handshake and returns what the peer showed; raises Broken, its code empty when cut off."""
        self.discard()  # whatever came before TLS is not believed, and not kept for after it
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                if self._ended:
                    raise Broken("", self._error) from None
                await self._wait()
            except ssl.SSLError as error:
                self._flush()
                raise Broken(fault_code(error), error) from None
        self._flush()
        self._secure = True
        peer = peer_of(self._tls)
        self._pull()
        return peer

    def write(self, data: bytes) -> None:
        """Hands bytes to the operating system, now; raises Broken when it takes no more of them."""
        self._encrypt(memoryview(data))
        self._flush()
        if not self.alive:
            raise Broken("smtp.connection_lost", self._error)

    async def write_long(self, data: bytes) -> bool:
        """Writes all but the last piece, which leaves with the next `write`; False when word came first."""
        view = memoryview(data)
        while True:
            if self.has_word:
                return False
            self._encrypt(view[:_PIECE_BYTES])
            view = view[_PIECE_BYTES:]
            if not view:
                return True
            self._flush()
            await asyncio.sleep(0)  # lets us hear the other side between two pieces
            await self.drain()

    async def drain(self) -> None:
        """Returns when the operating system has taken all, or when word comes first."""
        while self._paused and not self.has_word:
            await self._wait()

    async def read_reply(self) -> Reply:
        """Returns the next reply; raises Broken `smtp.connection_lost` or `smtp.reply_unreadable`."""
        while True:
            try:
                reply = take_reply(self._unread)
            except ValueError as error:
                raise Broken("smtp.reply_unreadable", error) from None
            if reply is not None:
                return reply
            if self._ended:
                raise Broken("smtp.connection_lost", self._error)
            await self._wait()

    # --- inside

    def _encrypt(self, piece: memoryview) -> None:
        if self._tls is None:
            self._outgoing.write(piece)
        elif len(piece):
            try:
                self._tls.write(piece)
            except ssl.SSLError as error:
                raise Broken("smtp.connection_lost", error) from None

    def _flush(self) -> None:
        if self._outgoing.pending and self._transport is not None:
            self._transport.write(self._outgoing.read())

    def _pull(self) -> None:
        """Moves what has been decrypted to where replies are read; remembers an alert or a goodbye."""
        if not self._secure or self._tls is None:
            return
        try:
            while data := self._tls.read(_READ_BYTES):
                self._unread += data
            self._ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:  # a goodbye (SSLZeroReturnError) is one
            self._ended = True
            self._error = self._error or error
        self._flush()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
