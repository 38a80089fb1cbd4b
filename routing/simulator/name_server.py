"""The simulator's name server, by UDP and TCP on loopback: answers for the invented domains and nobody else.

Relies on dnspython for the messages. Asks no other server; what it does not know does not exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL_SECONDS = 60

Records = Mapping[tuple[str, str], tuple[str, ...]]


class NameServer:
    """Answers from a table of records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.port = 0

    async def start(self, address: str, port: int) -> None:
        """Listens; raises OSError when the port is taken."""
        self._tcp = await asyncio.start_server(self._serve, address, port)
        self.port = self._tcp.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        try:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(address, self.port)
            )
        except OSError:
            self._tcp.close()
            raise

    async def stop(self) -> None:
        self._udp.close()
        self._tcp.close()

    def answer(self, wire: bytes) -> bytes | None:
        """Returns the reply to one message, None to what is no question."""
        try:
            query = dns.message.from_wire(wire)
            question = query.question[0]
        except (dns.exception.DNSException, IndexError):
            return None
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        reply = dns.message.make_response(query, recursion_available=True)
        if texts := self._records.get((name, kind)):
            owner = dns.name.from_text(name)
            reply.answer.append(dns.rrset.from_text_list(owner, TTL_SECONDS, "IN", kind, texts))
        elif not any(known == name or known.endswith("." + name) for known, _ in self._records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError):
            length = int.from_bytes(await reader.readexactly(2), "big")
            reply = self.answer(await reader.readexactly(length))
            if reply is not None:
                writer.write(len(reply).to_bytes(2, "big") + reply)
                await writer.drain()
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        reply = self._server.answer(data)
        if reply is not None:
            self._transport.sendto(reply, addr)
