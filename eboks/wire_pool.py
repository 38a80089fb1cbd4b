"""Keeps the connections to one host: at most so many, kept alive, the most recently used first.

Relies on `wire_connection`. Gives every call its total deadline and turns what broke into the four answers of
`schemas.errors`, by how far the request had come. Knows no HTTP beyond method and bytes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from eboks.tls import fault_of, is_refusal
from eboks.wire_connection import Broken, Connection
from eboks.wire_replies import Headers, RawReply
from schemas.errors import Coded, ConfigurationError, InDoubt, Transient

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_IDLE_SECONDS = 15.0
"""Older connections are not used again: servers close them, and a letter that meets that is in doubt."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a pool connects to, and its limits."""

    host: str
    port: int
    parallel: int
    deadline_seconds: float
    max_reply_bytes: int


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `target` is path and query and never shows, as a look-up's names its recipient."""

    method: str
    target: bytes = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    changes_nothing: bool = False

    @property
    def safe(self) -> bool:
        """True when the call changes nothing at the other side, so that asking twice is no matter."""
        return self.changes_nothing or self.method in SAFE_METHODS


class Pool:
    """Connections to one endpoint; belongs to one event loop.

    `context` is asked for each new connection; when it gives another than before, the old connections end
    with the call they are in.
    """

    def __init__(self, endpoint: Endpoint, context: Callable[[], ssl.SSLContext]) -> None:
        self._endpoint = endpoint
        self._context = context
        self._slots = asyncio.Semaphore(endpoint.parallel)
        self._idle: list[Connection] = []

    async def call(self, call: Call) -> tuple[RawReply, Connection]:
        """Sends a call and returns its reply and the connection it came by (for its facts).

        The deadline begins when the call has a place among the `parallel` ones. Raises Transient when the
        request never went out whole, or was a safe one; InDoubt when it had and no reply came;
        ConfigurationError when a certificate is wrong, ours or theirs.
        """
        async with self._slots:
            trip = _Trip(call)
            try:
                async with asyncio.timeout(self._endpoint.deadline_seconds):
                    return await self._travel(trip)
            except TimeoutError:
                raise trip.broken("http.deadline", None) from None
            finally:
                self._settle(trip)

    async def close(self) -> None:
        """Closes every idle connection."""
        while self._idle:
            self._idle.pop().close()
        await asyncio.sleep(0)

    async def _travel(self, trip: _Trip) -> tuple[RawReply, Connection]:
        reused = self._take_idle()
        if reused is not None:
            trip.connection = reused
            try:
                return await trip.exchange(), reused
            except Broken as broken:
                # The other side closed while we were about to write: nothing of use can have arrived there.
                if reused.handed_over and not trip.call.safe:
                    raise trip.broken(broken.code, broken.cause) from None
                reused.abort()
        trip.connection = None
        trip.connection = connection = await self._connect(trip)
        try:
            return await trip.exchange(), connection
        except Broken as broken:
            raise trip.broken(broken.code, broken.cause) from None

    async def _connect(self, trip: _Trip) -> Connection:
        loop, context, endpoint = asyncio.get_running_loop(), self._context(), self._endpoint
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(context, endpoint.host, endpoint.max_reply_bytes),
                endpoint.host,
                endpoint.port,
            )
        except OSError as error:
            raise Transient("http.not_connected", reached=False) from error
        opened = False
        try:
            await connection.open()
            opened = True
        except Broken as broken:
            raise _handshake_fault(broken) from None
        finally:
            if not opened:
                connection.abort()
        return connection

    def _take_idle(self) -> Connection | None:
        """Returns a connection to go on with: not too old, and not with a certificate since renewed."""
        oldest = asyncio.get_running_loop().time() - MAX_IDLE_SECONDS
        context = self._context() if self._idle else None
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.idle_since >= oldest and connection.context is context:
                return connection
            connection.close()
        return None

    def _settle(self, trip: _Trip) -> None:
        """Keeps a trip's connection for the next call, or cuts it when anything about it is unfinished."""
        connection = trip.connection
        if connection is None:
            return
        if trip.done and connection.reusable:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            with suppress(OSError):
                connection.abort()


@dataclass(slots=True)
class _Trip:
    """One call under way, and the connection it is on at the moment."""

    call: Call
    connection: Connection | None = None
    done: bool = False

    async def exchange(self) -> RawReply:
        assert self.connection is not None
        call = self.call
        reply = await self.connection.exchange(call.method, call.target, call.headers, call.body)
        self.done = True
        return reply

    def broken(self, code: str, cause: Exception | None) -> Coded:
        """Returns the error for a call that got no reply."""
        connection = self.connection
        if connection is None:
            return Transient("http.not_connected", reached=False)
        if is_refusal(cause) and not connection.heard:
            # A server that turns our certificate down reads nothing of what we sent.
            return ConfigurationError("tls.client_certificate_refused")
        if not connection.handed_over:
            return Transient("http.body_not_sent", reached=False)
        return Transient(code, reached=False) if self.call.safe else InDoubt(code)


def _handshake_fault(broken: Broken) -> Coded:
    lasting = fault_of(broken.cause) if isinstance(broken.cause, ssl.SSLError) else None
    return lasting or Transient("tls.handshake_cut", reached=False)
