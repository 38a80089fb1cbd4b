"""An HTTPS server on loopback for MTA-STS policies; it says, byte for byte, what a test writes down."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from tests.rigs.looping import BackgroundLoop


def policy_text(*mx: str, mode: str = "enforce", max_age: int = 86400) -> bytes:
    """Returns a policy as RFC 8461 has it."""
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {one}" for one in mx), f"max_age: {max_age}"]
    return "".join(f"{line}\r\n" for line in lines).encode()


def http_reply(body: bytes, status: str = "200 OK", kind: str = "text/plain", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


class PolicyServer:
    """One server for every domain: `replies` by host name; an unknown host gets 404, a None hangs."""

    def __init__(self, looping: BackgroundLoop, address: str, context: ssl.SSLContext) -> None:
        self._looping = looping
        self._context = context
        self.address = address
        self.port = 0
        self.replies: dict[str, bytes | None] = {}
        self.asked: list[tuple[str, str]] = []

    def put(self, domain: str, reply: bytes | None) -> None:
        """Writes the whole reply for a domain's policy host."""
        self.replies[f"mta-sts.{domain}"] = reply

    def start(self) -> None:
        self._server = self._looping.run(
            asyncio.wait_for(self._start(), 60),
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._looping.run(self._stop())

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, self.address, 0, ssl=self._context)

    async def _stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            host = next(line for line in head.split("\r\n") if line.lower().startswith("host:"))[5:].strip()
            host = host.partition(":")[0]
            self.asked.append((host, head.split(" ")[1]))
            reply = self.replies.get(host, http_reply(b"", "404 Not Found"))
            if reply is None:
                await asyncio.Event().wait()
            else:
                writer.write(reply)
                await writer.drain()
        writer.close()
