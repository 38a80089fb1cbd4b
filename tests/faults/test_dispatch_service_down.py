"""e-Boks answers 503 to everything for a while: the breaker opens, and all drains afterwards."""

from __future__ import annotations

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees, held_by_simulator


def test_attempts_are_not_burnt_while_it_is_down_and_all_goes_when_it_is_well(
    found_house: FoundHouse,
) -> None:
    house = found_house(channel="breaker_failures = 5\n")
    drop = write_big_drop(house.inbox, "loen", 120, n_bytes=6_000)
    house.brevdue("pull")
    with house.simulator.client() as client:
        client.add_fault("status", status=503)
        ran = house.brevdue("dispatch")
        assert ran.code == 4
        assert ran.data["channels"]["eboks"]["stopped_by"] == "channel.not_answering"
        assert held_by_simulator(house) == []
        n_tried = client.faults()[0]["n_fired"]
        assert n_tried < 60  # of 120: five failures and what was in flight, and again after a short pause
        client.clear_faults()
    house.day()
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, 120)
