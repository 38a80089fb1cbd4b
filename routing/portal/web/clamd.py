"""Asks clamd whether a file is clean, over its INSTREAM command; no answer is never a yes.

Relies on asyncio streams, TCP or a unix socket. Source: clamd(8), "INSTREAM": chunks with their length in
four bytes before each, a zero length at the end, one line as the answer.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from urllib.parse import urlsplit

_CHUNK_BYTES = 64 * 1024
_MAX_ANSWER_BYTES = 4096


class ScanVerdict(Enum):
    """What the scanner said; `UNKNOWN` is any failure, and is treated like a find."""

    CLEAN = "clean"
    INFECTED = "infected"
    UNKNOWN = "unknown"


class Scanner:
    """A clamd at `tcp://host:port` or `unix:/path`."""

    def __init__(self, where: str, seconds: float) -> None:
        self._where = where
        self._seconds = seconds

    async def scan(self, data: bytes) -> ScanVerdict:
        """Returns the verdict on one file within the set time."""
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._ask(data)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return ScanVerdict.UNKNOWN
        if answer == b"stream: OK":
            return ScanVerdict.CLEAN
        return ScanVerdict.INFECTED if answer.endswith(b" FOUND") else ScanVerdict.UNKNOWN

    async def _ask(self, data: bytes) -> bytes:
        reader, writer = await self._connect()
        try:
            writer.write(b"zINSTREAM\0")
            for at in range(0, len(data), _CHUNK_BYTES):
                chunk = data[at : at + _CHUNK_BYTES]
                writer.write(len(chunk).to_bytes(4, "big") + chunk)
                await writer.drain()
            writer.write(bytes(4))
            await writer.drain()
            return (await reader.readuntil(b"\0")).rstrip(b"\0\n")
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._where.startswith("unix:"):
            return await asyncio.open_unix_connection(
                self._where.removeprefix("unix:"), limit=_MAX_ANSWER_BYTES
            )
        place = urlsplit(self._where)
        return await asyncio.open_connection(place.hostname, place.port, limit=_MAX_ANSWER_BYTES)
