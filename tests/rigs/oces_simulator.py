"""Simulators of e-Boks that trust an OCES authority, and remember which certificate each call showed.

They run in threads of the test's process. Relies on `tests.rigs.oces` for the senders' side.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization

from eboks.simulator import FaultRule, Running, ServerTls, SimulatorSettings, serve
from eboks.simulator.certificates import Validity, issue_server, make_authority, write_identity
from tests.rigs.certificates import SYSTEM_ID
from tests.rigs.oces import Issued, Oces


class GuestBook(dict[str, tuple[int, ...]]):
    """The certificates a simulator lets in; keeps the order in which they were asked about."""

    def __init__(self, *known: Issued) -> None:
        super().__init__({fingerprint(one): (SYSTEM_ID,) for one in known})
        self.seen: list[str] = []

    def get(self, key: str, default: Any = None) -> Any:
        self.seen.append(key)
        return super().get(key, default)


def fingerprint(issued: Issued) -> str:
    return issued.certificate.fingerprint(hashes.SHA256()).hex()


@dataclass(slots=True)
class OcesSimulator:
    """A running simulator; `server_ca` is what its senders trust it by."""

    url: str
    server_ca: Path
    guests: GuestBook = field(repr=False)
    running: Running = field(repr=False)
    loop: asyncio.AbstractEventLoop = field(repr=False)

    @property
    def seen(self) -> list[str]:
        """The fingerprint of the certificate of every call, in order."""
        return self.guests.seen

    @property
    def held(self) -> list[str]:
        """The SHA-256 of every document it took."""
        return [one.sha256 for one in self.running.simulation.messages]

    def faults(self, *rules: FaultRule) -> None:
        """Puts faults in force, in place of those before."""

        async def put() -> None:
            box = self.running.simulation.faults
            box.remove()
            for rule in rules:
                box.add(rule)

        asyncio.run_coroutine_threadsafe(put(), self.loop).result(timeout=60)

    @property
    def n_connections(self) -> int:
        return self.running.simulation.counts.n_connections


StartOcesSimulator = Callable[..., OcesSimulator]
"""`start(oces, *known, **settings)`; the settings are those of `SimulatorSettings`."""


@pytest.fixture
def start_oces_simulator(tmp_path: Path) -> Iterator[StartOcesSimulator]:
    """Starts simulators for the test."""
    with ExitStack() as stack:
        number = 0

        def start(oces: Oces, *known: Issued, **settings: Any) -> OcesSimulator:
            nonlocal number
            number += 1
            return stack.enter_context(_running(tmp_path / f"oces-{number}", oces, known, settings))

        yield start


@contextmanager
def _running(
    folder: Path, oces: Oces, known: tuple[Issued, ...], settings: dict[str, Any]
) -> Iterator[OcesSimulator]:
    tls = _server_files(folder, oces)
    guests = GuestBook(*known)
    filled = SimulatorSettings.model_validate(settings).model_copy(update={"certificates": guests})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="oces-simulator", daemon=True)
    thread.start()
    try:
        running = asyncio.run_coroutine_threadsafe(serve(filled, tls), loop).result(timeout=60)
        try:
            yield OcesSimulator(running.url, folder / "server-ca.pem", guests, running, loop)
        finally:
            asyncio.run_coroutine_threadsafe(running.stop(), loop).result(timeout=60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=60)
        loop.close()


def _server_files(folder: Path, oces: Oces) -> ServerTls:
    folder.mkdir()
    now = datetime.now(UTC)
    authority = make_authority("Server CA", Validity.around(now))
    write_identity(issue_server(authority, Validity.around(now)), folder, "server")
    (folder / "server-ca.pem").write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "client-ca.pem").write_bytes(oces.roots_pem)
    return ServerTls(folder / "server.pem", folder / "server.key", folder / "client-ca.pem")
