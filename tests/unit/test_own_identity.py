"""A channel's certificate is renewed while it works: new connections show it, nobody meets a mixed pair."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from eboks.own_identity import LOOK_SECONDS, OwnIdentity
from eboks.tls import make_context
from eboks.wire import Wire
from jobs.onboarding.certificate_store import CertificateStore
from jobs.onboarding.certificates import Identity
from schemas.errors import ConfigurationError
from tests.rigs.oces import Issued, Oces
from tests.rigs.oces_simulator import StartOcesSimulator, fingerprint


class Ticks:
    """A steady clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def install(store: CertificateStore, issued: Issued) -> None:
    store.install(Identity(issued.certificate, issued.key, issued.chain))


def made(tmp_path: Path, issued: Issued) -> tuple[CertificateStore, OwnIdentity, Ticks]:
    store, ticks = CertificateStore(tmp_path / "loen"), Ticks()
    install(store, issued)
    return store, OwnIdentity(store.certificate, store.key, None, lambda: None, ticks), ticks


def test_the_context_stays_until_the_pair_is_swapped_and_a_second_has_passed(oces: Oces, tmp_path: Path):
    store, identity, ticks = made(tmp_path, oces.issue())
    first = identity.context()
    ticks.now += LOOK_SECONDS
    assert identity.context() is first
    install(store, oces.issue())
    assert identity.context() is first
    ticks.now += LOOK_SECONDS
    second = identity.context()
    assert second is not first
    ticks.now += LOOK_SECONDS
    assert identity.context() is second


def test_files_that_are_no_pair_leave_the_old_context_in_use(oces: Oces, tmp_path: Path):
    store, identity, ticks = made(tmp_path, oces.issue())
    first = identity.context()
    for content in (b"rubbish", oces.issue().pem):
        store.certificate.resolve().write_bytes(content)
        ticks.now += LOOK_SECONDS
        assert identity.context() is first
    with pytest.raises(ConfigurationError):
        OwnIdentity(store.certificate, store.key, None, lambda: None).context()


def test_what_must_not_be_made_is_not_made(oces: Oces, tmp_path: Path):
    store, _, _ = made(tmp_path, oces.issue())

    def refuse() -> None:
        raise ConfigurationError("eboks.live_on_loopback")

    with pytest.raises(ConfigurationError):
        OwnIdentity(store.certificate, store.key, None, refuse).context()


def test_nobody_ever_sees_one_certificate_with_the_other_key(oces: Oces, tmp_path: Path):
    """Two threads swap and read as fast as they can; a mixed pair would be `tls.key_mismatch`."""
    store = CertificateStore(tmp_path / "loen")
    pairs = [oces.issue(), oces.issue()]
    install(store, pairs[0])
    n_swaps, over = 0, threading.Event()

    def swap() -> None:
        nonlocal n_swaps
        while not over.is_set():
            n_swaps += 1
            install(store, pairs[n_swaps % 2])

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(50):
            make_context(store.certificate, store.key, None)
    finally:
        over.set()
        thread.join()
    assert n_swaps > 1


def test_an_idle_connection_of_the_old_certificate_is_not_used_again(
    oces: Oces, tmp_path: Path, start_oces_simulator: StartOcesSimulator
):
    """Both ends: the server sees the old certificate, then on a new connection the new one."""
    old, new = oces.issue(), oces.issue()
    simulator = start_oces_simulator(oces, old, new)
    store, ticks = CertificateStore(tmp_path / "loen"), Ticks()
    install(store, old)
    identity = OwnIdentity(store.certificate, store.key, simulator.server_ca, lambda: None, ticks)

    async def work() -> None:
        url = simulator.url
        wire = Wire(url, identity.context, parallel=2, deadline_seconds=10.0, max_reply_bytes=10_000)
        try:
            for _ in range(2):
                await wire.get("/_sim/counts")
            install(store, new)
            ticks.now += LOOK_SECONDS
            for _ in range(2):
                await wire.get("/_sim/counts")
        finally:
            await wire.close()

    asyncio.run(work())
    assert simulator.seen == [fingerprint(old)] * 2 + [fingerprint(new)] * 2
    assert simulator.n_connections == 2
