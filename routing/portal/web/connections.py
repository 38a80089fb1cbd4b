"""Ends a connection whose other end keeps the portal waiting: a head, a body or a page that does not move.

Relies on uvicorn's protocol for HTTP/1.1, which waits for ever by itself, so that a few hundred connections
that say nothing would be all there are. Slow lines are served: what counts is whether anything moves. Judges
no request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from routing.portal.web.website import counted_address, visitor_address

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the portal waits, in seconds, and how many connections one address may have.

    A body may take `body_seconds` and a second more for every `bytes_a_second`. `read_seconds` are for each
    piece of an answer (256 kB at most). A proxy may have more than `per_address` connections.
    """

    tls_seconds: float = 15.0
    head_seconds: float = 15.0
    body_seconds: float = 20.0
    bytes_a_second: int = 2000
    read_seconds: float = 60.0
    per_address: int = 100
    look_seconds: float = 2.5


class WatchedConnection(H11Protocol):
    """One connection. What it does is compared, now and then, with what it did when last looked at."""

    patience = Patience()
    proxies: tuple[Network, ...] = ()
    """Those in which a visitor's own connection ends; whoever else comes without TLS is not spoken to."""
    _doing: tuple[object, ...] = ()
    _n_bytes = 0
    _n_drained = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        if not self._is_proxy() and (self.scheme != "https" or self._too_many()):
            transport.abort()
            return
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._n_bytes += len(data)
        super().data_received(data)

    def resume_writing(self) -> None:
        self._n_drained += 1
        super().resume_writing()

    def _is_proxy(self) -> bool:
        address = visitor_address(self.client[0] if self.client else "")
        return any(address in network for network in self.proxies)

    def _too_many(self) -> bool:
        hosts = [
            one.client[0] for one in self.connections if isinstance(one, WatchedConnection) and one.client
        ]
        own = counted_address(self.client[0] if self.client else "")
        return sum(counted_address(host) == own for host in hosts) > self.patience.per_address

    def _look(self) -> None:
        self._timer = self.loop.call_later(self.patience.look_seconds, self._look)
        now, (seconds, *doing) = self.loop.time(), self._expected()
        if tuple(doing) != self._doing:
            self._doing, self._since, self._n_bytes = tuple(doing), now, 0
        elif seconds and now - self._since > seconds:
            self.transport.abort()

    def _expected(self) -> tuple[Any, ...]:
        """Returns how long this may last (0: as long as it likes), and what tells it from anything else."""
        patience, answered = self.patience, getattr(self.cycle, "response_complete", True)
        if self.transport.is_closing():
            return patience.read_seconds, "closing"
        if self.flow.write_paused:
            return patience.read_seconds, "reading", self._n_drained
        if answered:  # a head, or the rest of a body that nobody wants any more
            return patience.head_seconds, "head", self.cycle
        if self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused:
            return patience.body_seconds + self._n_bytes / patience.bytes_a_second, "body", self.cycle
        return 0, "ours"


def watched(patience: Patience, proxies: Sequence[str]) -> type[WatchedConnection]:
    """Returns the connections of a server that has this patience, behind these proxies."""
    networks = tuple(ip_network(one) for one in proxies)
    return type("WatchedConnection", (WatchedConnection,), {"patience": patience, "proxies": networks})
