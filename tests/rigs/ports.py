"""Finds ports for servers that must be told theirs before they start.

A port that the system hands out (`bind` to 0) may be handed out again before the server has it, to a
neighbouring test or to an outgoing connection. These lie below the range that systems hand out from, and
every process of a test run begins at another place in it.
"""

from __future__ import annotations

import os
import socket
from itertools import count

_FIRST, _N_PORTS = 15_000, 10_000
# Processes that were started one after the other begin a thousand ports apart.
_NEXT = count(os.getpid() * 1009)


def free_port(address: str = "127.0.0.1") -> int:
    """Returns a port that nobody uses, by TCP or by UDP, and that this process has not given out before."""
    for number in _NEXT:
        port = _FIRST + number % _N_PORTS
        if _is_free(address, port):
            return port
    raise AssertionError("count never ends")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        try:
            stream.bind((address, port))
            datagram.bind((address, port))
        except OSError:
            return False
    return True
