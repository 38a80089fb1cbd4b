"""A small server of the domain name system on loopback, by UDP and TCP, that says what a test writes down.

Relies on dnspython for the messages. It stands for a recursive resolver: `secure` names get the AD bit,
`bogus` ones SERVFAIL, with the extended error a validating resolver gives. Counts what it was asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.rigs.looping import BackgroundLoop

TTL = 300


class NameServer:
    """Records by name and kind. Change them between questions as you like."""

    def __init__(self, looping: BackgroundLoop, address: str = "127.0.0.1") -> None:
        self._looping = looping
        self._address = address
        self._records: dict[tuple[str, str], list[str]] = {}
        self._read: dict[tuple[str, str], dns.rrset.RRset] = {}
        self._tops: set[str] = set()
        self._ttls: dict[tuple[str, str], int] = {}
        self._turns: dict[tuple[str, str], list[list[str]]] = {}
        self.failing_kinds: set[tuple[str, str]] = set()
        self.secure: set[str] = set()
        self.bogus: set[str] = set()
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        self.truncating = False
        self.n_tcp = 0
        self.asked: Counter[tuple[str, str]] = Counter()
        self._heard: set[tuple[str, str, int]] = set()
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"{self._address}:{self.port}"

    def put(self, name: str, kind: str, *texts: str, ttl: int = TTL) -> None:
        """Writes the records of a name and kind, in place of older ones; without texts there are none."""
        self._records[(_key(name), kind)] = list(texts)
        self._ttls[(_key(name), kind)] = ttl
        self._read.pop((_key(name), kind), None)
        self._tops |= _above(_key(name))

    def put_in_turn(self, name: str, kind: str, *turns: list[str]) -> None:
        """Writes records that change from question to question, none of them to be kept; the last stays."""
        self.put(name, kind, *turns[0], ttl=0)
        self._turns[(_key(name), kind)] = list(turns[1:])

    def remove(self, name: str, kind: str) -> None:
        self._records.pop((_key(name), kind), None)

    def sign(self, *names: str) -> None:
        """Lets the answers about these names and all below them count as checked."""
        self.secure |= {_key(name) for name in names}

    def start(self) -> None:
        self._looping.run(self._start())

    def stop(self) -> None:
        self._looping.run(self._stop())

    def answer(self, wire: bytes, *, udp: bool) -> bytes | None:
        """Returns the reply to one message, or None for silence."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        # The same question under the same id is one that was sent again because the answer was slow.
        self.asked[(name, kind)] += (name, kind, query.id) not in self._heard
        self._heard.add((name, kind, query.id))
        if name in self.silent:
            return None
        reply = dns.message.make_response(query, recursion_available=True)
        if udp and self.truncating:
            reply.flags |= dns.flags.TC
            return reply.to_wire()
        self._fill(reply, name, kind)
        if turns := self._turns.get((name, kind)):
            self.put(name, kind, *turns.pop(0), ttl=0)
        return reply.to_wire()

    def _fill(self, reply: dns.message.Message, name: str, kind: str) -> None:
        if name in self.bogus or name in self.failing or (name, kind) in self.failing_kinds:
            reply.set_rcode(dns.rcode.SERVFAIL)
            if name in self.bogus:
                reply.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS)])
            return
        if self._is_signed(name):
            reply.flags |= dns.flags.AD
        target = name
        while alias := self._records.get((target, "CNAME")):
            self._add(reply, target, "CNAME")
            if kind == "CNAME":
                return
            target = _key(alias[0])
            if not self._is_signed(target):
                reply.flags &= ~dns.flags.AD
        if (target, kind) in self._records:
            self._add(reply, target, kind)
        elif target not in self._tops:
            reply.set_rcode(dns.rcode.NXDOMAIN)

    def _add(self, reply: dns.message.Message, name: str, kind: str) -> None:
        texts = self._records[(name, kind)]
        if not texts:
            return
        if (name, kind) not in self._read:
            ttl, owner = self._ttls[(name, kind)], dns.name.from_text(name)
            self._read[(name, kind)] = dns.rrset.from_text_list(owner, ttl, "IN", kind, texts)
        reply.answer.append(self._read[(name, kind)])

    def _is_signed(self, name: str) -> bool:
        return any(name == top or name.endswith("." + top) for top in self.secure)

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._serve, self._address, 0)
        self.port = self._tcp.sockets[0].getsockname()[1]
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(self._address, self.port)
        )

    async def _stop(self) -> None:
        self._udp.close()
        self._tcp.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            length = int.from_bytes(await reader.readexactly(2), "big")
            self.n_tcp += 1
            reply = self.answer(await reader.readexactly(length), udp=False)
            if reply is not None:
                writer.write(len(reply).to_bytes(2, "big") + reply)
                await writer.drain()
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        reply = self._server.answer(data, udp=True)
        if reply is not None:
            self._transport.sendto(reply, addr)


def _above(name: str) -> set[str]:
    """Returns a name and all names above it: they exist too."""
    labels = name.split(".")
    return {".".join(labels[n:]) for n in range(len(labels))}


def _key(name: str) -> str:
    return name.lower().rstrip(".")
