"""PostgreSQL is restarted, killed or gone in mid-batch (facts/trust.md, 16): 0 lost, 0 twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batch.ledger import Ledger
from batch.vault import Vault
from schemas.errors import ServiceDown
from schemas.states import State
from tests.rigs.ledgers import CHANNEL, TENANT, Clock, LedgerHouse, name_id
from tests.rigs.postgres import PostgresServer


@pytest.fixture
def house(postgres_url: str, test_vault: Vault) -> Iterator[LedgerHouse]:
    house = LedgerHouse(postgres_url, test_vault, Clock())
    house.open(create=True)
    yield house
    for ledger in house.opened:
        ledger.close()


def test_a_batch_is_finished_through_restarts_and_crashes(
    house: LedgerHouse, postgres_server: PostgresServer
) -> None:
    batch_id = house.add(30)
    crashes = iter([True])

    def crash_once(seed: str) -> str:
        """Kills the server in the middle of a transaction: the claim's own."""
        if turn == 2 and next(crashes, False):
            postgres_server.crash()
            postgres_server.start()
        return name_id(seed)

    n_faults = 0
    for turn in range(10):
        if turn in (1, 3):
            postgres_server.restart()
        try:
            claims = house.ledger.claim(CHANNEL, 10, owner="w", lease_seconds=60, name_id=crash_once)
        except ServiceDown:
            n_faults += 1
            assert house.counts(batch_id) == {State.DELIVERED: 20, State.READY: 10}
            continue
        house.accept(claims, final=True)
    assert n_faults == 1
    assert house.counts(batch_id) == {State.DELIVERED: 30}


def test_a_database_that_is_gone_is_said(house: LedgerHouse, postgres_server: PostgresServer) -> None:
    house.add(1)
    postgres_server.stop()
    with pytest.raises(ServiceDown, match=r"ledger\.unreachable"):
        house.claim()
    with pytest.raises(ServiceDown, match=r"ledger\.unreachable"):
        Ledger.open(house.url, vault=house.vault, tenant=TENANT, mode="simulated", now=house.clock)
    postgres_server.start()
    assert len(house.claim()) == 1
