"""A backup locks the SQLite file for a while (facts/trust.md, 17): we wait, or say so and change nothing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import make_url

from schemas.errors import ServiceDown
from schemas.states import State
from tests.rigs.ledgers import CHANNEL, LedgerHouse


@contextmanager
def _locked(house: LedgerHouse) -> Iterator[sqlite3.Connection]:
    path = str(make_url(house.url).database)
    backup = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    backup.execute("BEGIN IMMEDIATE")
    try:
        yield backup
    finally:
        backup.close()


def test_a_transaction_waits_until_the_lock_is_gone(sqlite_ledger: LedgerHouse) -> None:
    batch_id = sqlite_ledger.add(2)
    with _locked(sqlite_ledger) as backup:
        release = threading.Timer(0.7, lambda: backup.execute("ROLLBACK"))
        release.start()
        claims = sqlite_ledger.claim()
        release.join()
    assert len(claims) == 2
    assert sqlite_ledger.counts(batch_id) == {State.SENDING: 2}


def test_a_lock_that_stays_is_said_and_nothing_is_changed(sqlite_ledger: LedgerHouse) -> None:
    batch_id = sqlite_ledger.add(2)
    impatient = sqlite_ledger.open(busy_seconds=0.1)
    with _locked(sqlite_ledger):
        with pytest.raises(ServiceDown, match=r"ledger\.busy"):
            impatient.claim(CHANNEL, 2, owner="w", lease_seconds=60, name_id=str)
        assert sqlite_ledger.counts(batch_id) == {State.READY: 2}  # reading goes on
    assert len(sqlite_ledger.claim()) == 2
