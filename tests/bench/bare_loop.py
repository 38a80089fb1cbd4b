"""Side (a): the same bytes by the barest possible loop over one raw TLS socket."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from tests.rigs.houses import HouseOnDisk


def context_for(house: HouseOnDisk) -> ssl.SSLContext:
    """Returns a TLS context with the house's own certificate."""
    channel = house.settings.channels["eboks"]
    context = ssl.create_default_context(cafile=str(channel.ca))
    context.load_cert_chain(channel.certificate, channel.key)
    return context


class BareLoop:
    """Sends requests that were made beforehand and reads each answer's head; checks that each was taken."""

    def __init__(self, house: HouseOnDisk, requests: Iterator[bytes]) -> None:
        raw = socket.create_connection(("127.0.0.1", house.simulator.port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context_for(house).wrap_socket(raw, server_hostname="127.0.0.1")
        self._requests = requests
        self._ready: list[bytes] = []

    def prepare(self, n_items: int) -> None:
        """Makes the next requests, outside of what is timed."""
        self._ready = [next(self._requests) for _ in range(n_items)]

    def run(self, n_items: int) -> int:
        for request in self._ready:
            self._socket.sendall(request)
            assert self._socket.recv(65_536).startswith(b"HTTP/1.1 200"), "a message was not taken"
        return len(self._ready)

    def close(self) -> None:
        self._socket.close()
