"""e-Boks takes a message and hangs up: cleared by the same id and bytes, and nothing lies there twice."""

from __future__ import annotations

import pytest

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees


@pytest.mark.parametrize(("share", "profile"), [(0.05, "direct"), (0.3, "proxy")])
def test_no_double_and_no_doubt_is_left(found_house: FoundHouse, share: float, profile: str) -> None:
    house = found_house(profile=profile)
    drop = write_big_drop(house.inbox, "loen", 200, n_bytes=6_000)
    with house.simulator.client() as client:
        client.add_fault("accept_then_drop", share=share, seed=7)
    house.day()
    with house.simulator.client() as client:
        client.clear_faults()
    house.day()
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, 200)
