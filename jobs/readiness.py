"""Tells systemd how the service is: ready, alive, ending (`Type=notify`, `WatchdogSec=`).

Relies on the environment that systemd gives; without it nothing is sent. A message that can't be delivered
is not worth a fault.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


def notify(message: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Sends one message, such as `READY=1`; returns False when nobody listens (sd_notify(3))."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    # A leading @ means the abstract namespace, whose names begin with a zero byte.
    path = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        line.sendto(message.encode("ascii"), path)
        return True
    return False


def watchdog_seconds(environment: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """Returns how often a sign of life is due: half of systemd's limit; None when it asks for none."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    asked = environment.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if asked and asked != str(pid if pid is not None else os.getpid()):
        return None
    return int(microseconds) / 1_000_000 / 2
