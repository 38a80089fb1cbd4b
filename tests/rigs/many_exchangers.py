"""One quick mail server that stands for thousands: it counts connections by the name they ask for.

Relies on asyncio and the standard library's TLS. Takes no mail: it knows EHLO, STARTTLS and QUIT.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from contextlib import suppress

from tests.rigs.looping import BackgroundLoop


class ManyExchangers:
    """Serves on one address. `asked` counts the handshakes by name, `n_at_once` is the most at a time.

    A conversation is counted from the client's first word to its last: a connection may be taken before the
    end of another has been heard, but nobody speaks on it before.
    """

    def __init__(self, looping: BackgroundLoop, context: ssl.SSLContext, address: str = "127.0.3.1") -> None:
        self._looping = looping
        self._context = context
        self._context.sni_callback = self._note
        self.address = address
        self.port = 0
        self.asked: Counter[str] = Counter()
        self.n_connections = 0
        self.n_at_once = 0
        self._n_now = 0

    def start(self) -> None:
        self._server = self._looping.run(self._start())
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._looping.run(self._stop())

    def _note(self, tls: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        self.asked[name or ""] += 1

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, self.address, 0)

    async def _stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        with suppress(OSError, EOFError):
            writer.write(b"220 many.invalid ESMTP\r\n")
            if first := await reader.readline():
                await self._talk(first, reader, writer)
        writer.close()

    async def _talk(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._n_now += 1
        self.n_at_once = max(self.n_at_once, self._n_now)
        try:
            await self._answer(first, reader, writer)
        finally:
            self._n_now -= 1

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line:
            if line.startswith(b"EHLO"):
                writer.write(b"250-many.invalid\r\n250 STARTTLS\r\n")
            elif line.startswith(b"STARTTLS"):
                writer.write(b"220 go\r\n")
                await writer.start_tls(self._context)
            else:
                writer.write(b"221 bye\r\n")
                return
            line = await reader.readline()
