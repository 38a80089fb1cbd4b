"""Two dispatch processes work on one house at once: every document leaves once, on both databases."""

from __future__ import annotations

import pytest

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_workers_share_the_work_and_double_nothing(
    found_house: FoundHouse, request: pytest.FixtureRequest, database: str
) -> None:
    url = "" if database == "sqlite" else request.getfixturevalue("postgres_url")
    house = found_house(database_url=url)
    drop = write_big_drop(house.inbox, "loen", 400, n_bytes=6_000)
    house.brevdue("pull")
    with house.simulator.client() as client:
        client.add_fault("delay", delay_seconds=0.02)
    workers = [house.start("dispatch") for _ in range(2)]
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode in (0, 4)
    with house.simulator.client() as client:
        assert all(message["n_puts"] == 1 for message in client.messages())
    house.day()
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, 400)
