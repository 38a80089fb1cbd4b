"""Asks the domain name system: the one module that imports dnspython; import it lazily.

Relies on a recursive resolver, the settings' or the machine's; that resolver's word about signatures (the AD
bit) counts only where the settings say that it validates, since dnspython has no validating resolver of its
own (facts/secure-mail 4.3). Answers are kept as long as they say, at most `MAX_SECONDS`. Judges no domain.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import dns.asyncbackend
import dns.asyncquery
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver

from routing.mail.memory import Clock, Memory
from routing.mail.records import Answer, Kind, MxRecord, TlsaRecord
from schemas.errors import ConfigurationError

MAX_SECONDS = 3600.0
MAX_ABSENT_SECONDS = 300.0
FAULT_SECONDS = 5.0
MAX_ENTRIES = 20_000
MAX_ASKING = 64
"""So many questions are out at once; a question's deadline begins when its turn has come."""
_TRY_SECONDS = 1.0
_PAYLOAD_BYTES = 1232
_BOGUS = frozenset(
    {
        dns.edns.EDECode.DNSSEC_BOGUS,
        dns.edns.EDECode.SIGNATURE_EXPIRED,
        dns.edns.EDECode.SIGNATURE_NOT_YET_VALID,
        dns.edns.EDECode.DNSKEY_MISSING,
        dns.edns.EDECode.RRSIGS_MISSING,
        dns.edns.EDECode.NO_ZONE_KEY_BIT_SET,
        dns.edns.EDECode.NSEC_MISSING,
    }
)
_READ: dict[Kind, Callable[[Any], object]] = {
    "A": lambda rdata: rdata.address,
    "AAAA": lambda rdata: rdata.address,
    "MX": lambda rdata: MxRecord(rdata.preference, _text(rdata.exchange)),
    "TXT": lambda rdata: b"".join(rdata.strings).decode("latin-1"),
    "TLSA": lambda rdata: TlsaRecord(rdata.usage, rdata.selector, rdata.mtype, rdata.cert),
    "SMIMEA": lambda rdata: TlsaRecord(rdata.usage, rdata.selector, rdata.mtype, rdata.cert),
    "CNAME": lambda rdata: _text(rdata.target),
}


class Resolver:
    """Questions to the name system, each with one total deadline; belongs to one event loop.

    `servers` are `host:port` (port 53 when left out), or none for the machine's own. `n_asked` counts the
    questions that went out, for tests and figures. Raises ConfigurationError `dns.no_servers` or
    `dns.server_not_an_address`.
    """

    def __init__(
        self,
        servers: Sequence[str],
        *,
        validates: bool,
        seconds: float,
        now: Clock,
        kept: dict[Any, tuple[Any, datetime]] | None = None,
    ) -> None:
        self.servers = [_endpoint(server) for server in servers] or _of_this_machine()
        self.validates = validates
        self._seconds = seconds
        self._memory: Memory[tuple[str, Kind], Answer[Any]] = Memory(now, MAX_ENTRIES, kept)
        self._turns = asyncio.Semaphore(MAX_ASKING)
        self.n_asked = 0

    async def ask(self, name: str, kind: Kind) -> Answer[Any]:
        """Returns the answer, perhaps a kept one; never raises for what a server says or does not say."""
        key = (name.lower().rstrip("."), kind)
        return await self._memory.get(key, lambda: self._ask(*key))

    def kept(self, name: str, kind: Kind) -> Answer[Any] | None:
        """Returns the answer that is kept, if there is one: what asks often need not wait its turn."""
        return self._memory.peek((name.lower().rstrip("."), kind))

    async def close(self) -> None:
        await self._memory.close()

    async def _ask(self, name: str, kind: Kind) -> tuple[Answer[Any], float]:
        try:
            query = _question(name, kind)
        except (dns.exception.DNSException, UnicodeError):
            return Answer(name, fault="dns.bad_name"), 0.0
        async with self._turns:
            self.n_asked += 1
            try:
                async with asyncio.timeout(self._seconds):
                    return await self._ask_servers(name, kind, query)
            except TimeoutError:
                return Answer(name, fault="dns.no_answer"), FAULT_SECONDS

    async def _ask_servers(
        self, name: str, kind: Kind, query: dns.message.QueryMessage
    ) -> tuple[Answer[Any], float]:
        """Goes round the servers until one answers; one that fails counts when no other does better."""
        failed: Answer[Any] | None = None
        for seconds in (_TRY_SECONDS, 2 * _TRY_SECONDS, 8 * _TRY_SECONDS):
            for host, port in self.servers:
                reply = await _exchange(query, host, port, seconds)
                if reply is None:
                    continue
                answer, keep = self._read(name, kind, reply)
                if not answer.fault:
                    return answer, keep
                failed = answer
            if failed is not None:
                return failed, FAULT_SECONDS
        return Answer(name, fault="dns.no_answer"), FAULT_SECONDS

    def _read(self, name: str, kind: Kind, reply: dns.message.Message) -> tuple[Answer[Any], float]:
        code = reply.rcode()
        if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            bogus = any(error.code in _BOGUS for error in reply.extended_errors())
            return Answer(name, fault="dns.bogus" if bogus else "dns.server_failed"), 0.0
        secure = self.validates and bool(reply.flags & dns.flags.AD)
        try:
            chain = reply.resolve_chaining()  # type: ignore[attr-defined]
            records = [_READ[kind](rdata) for rdata in chain.answer or ()]
        except (dns.exception.DNSException, UnicodeError):
            return Answer(name, fault="dns.unreadable"), 0.0
        longest = MAX_SECONDS if records else MAX_ABSENT_SECONDS
        exists = code == dns.rcode.NOERROR
        canonical = _text(chain.canonical_name)
        answer: Answer[Any] = Answer(name, tuple(records), secure, exists, canonical)
        return answer, min(float(chain.minimum_ttl), longest)


def _question(name: str, kind: Kind) -> dns.message.QueryMessage:
    """Returns a question that asks for the server's word about signatures (RFC 6840 5.7)."""
    query = dns.message.make_query(
        dns.name.from_text(name), dns.rdatatype.from_text(kind), use_edns=0, payload=_PAYLOAD_BYTES
    )
    query.flags |= dns.flags.AD
    return query


async def _exchange(
    query: dns.message.QueryMessage, host: str, port: int, seconds: float
) -> dns.message.Message | None:
    """Returns one server's reply, by TCP when it does not fit; None when there is none of use."""
    try:
        reply, _ = await dns.asyncquery.udp_with_fallback(
            query,
            host,
            timeout=seconds,
            port=port,
            ignore_unexpected=True,
            ignore_errors=True,
            backend=dns.asyncbackend.get_backend("asyncio"),
        )
    except (dns.exception.DNSException, OSError, EOFError, ValueError):
        return None
    return reply


def _endpoint(server: str) -> tuple[str, int]:
    host, colon, port = server.rpartition(":")
    if not colon or server.endswith("]"):
        host, port = server, "53"
    try:
        return str(ipaddress.ip_address(host.strip("[]"))), int(port)
    except ValueError:
        raise ConfigurationError("dns.server_not_an_address") from None


def _of_this_machine() -> list[tuple[str, int]]:
    try:
        found = dns.resolver.Resolver(configure=True).nameservers
    except dns.exception.DNSException as error:
        raise ConfigurationError("dns.no_servers") from error
    return [(str(server), 53) for server in found]


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""
