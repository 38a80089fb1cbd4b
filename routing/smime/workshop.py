"""Signs and encrypts in a few processes of its own, each of which loads our key once.

Relies on `sealing`. A process that dies takes only what it had in hand with it, and others take its place; it
hears no Ctrl-C, because the one who started it finishes what is in flight, and it ends when that one is gone.
Belongs to no event loop, so that it outlives the channels that use it. Sends nothing.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography import x509

from routing.cms.keys import Identity, recipient_key
from routing.mime.mail import Heading, Mail
from routing.smime.own_keys import load_own, look_at
from routing.smime.sealing import Profile, SealedMail, seal, settle_memory
from schemas.errors import Transient


@dataclass(frozen=True, slots=True)
class Order:
    """One secure mail to make. `certificate_der` is whom it is for, judged by whoever orders; `oaep` as in
    `recipient_key`; `signer_sha256` is the certificate of ours that the order was made for."""

    mail: Mail
    outer: Heading
    certificate_der: bytes = field(repr=False)
    oaep: bool
    profile: Profile
    signer_sha256: str


class Workshop:
    """A pool of processes over one certificate of ours; started when first needed, `close` when done."""

    def __init__(self, certificate: Path | None, key: Path | None, n_processes: int = 2) -> None:
        self._certificate, self._key = certificate, key
        self._n_processes = n_processes
        self._pool: ProcessPoolExecutor | None = None

    async def seal(self, order: Order) -> SealedMail:
        """Returns the secure mail.

        Raises as `routing.smime.sealing.seal`, ConfigurationError for our own key, and Transient
        `smime.workshop_lost` when a process died or another certificate of ours came in meanwhile.
        """
        loop = asyncio.get_running_loop()
        pool = self._opened()
        try:
            made = await loop.run_in_executor(pool, _seal, self._certificate, self._key, order)
        except BrokenProcessPool:
            self._drop(pool)
            raise Transient("smime.workshop_lost") from None
        if made is None:
            raise Transient("smime.workshop_lost")
        return made

    def close(self) -> None:
        """Ends the processes; a later order starts new ones."""
        if self._pool is not None:
            self._drop(self._pool)

    def _opened(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Not forked: threads and connections of this process are no business of theirs.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._n_processes, context, _begin)
        return self._pool

    def _drop(self, pool: ProcessPoolExecutor) -> None:
        if self._pool is pool:
            self._pool = None
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """Prepares a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A key must not end up in a core file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    settle_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _seal(certificate: Path | None, key: Path | None, order: Order) -> SealedMail | None:
    """Makes one secure mail; None when our certificate is not the one the order was made for."""
    ours = _identity(certificate, key, look_at(certificate), look_at(key))
    if ours.id.fingerprint != order.signer_sha256:
        return None
    recipient = recipient_key(x509.load_der_x509_certificate(order.certificate_der), oaep=order.oaep)
    return seal(order.mail, ours, [recipient], order.profile, order.outer)


@lru_cache(maxsize=2)
def _identity(
    certificate: Path | None, key: Path | None, certificate_look: object, key_look: object
) -> Identity:
    """Returns our identity, loaded again when one of its files has changed."""
    return load_own(certificate, key)
