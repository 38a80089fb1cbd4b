"""SIGKILL at random moments of a whole batch: every document once, at the right person; the ledger agrees.

The short form of `make torture`, which does the same with 2,000 documents and 50 kills.
"""

from __future__ import annotations

import random

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse, HouseOnDisk, kill_after
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees

pytest_plugins = ["tests.rigs.houses"]

N_DOCUMENTS = 300
N_KILLS = 12


def kill_and_go_on(house: HouseOnDisk, n_kills: int, longest_seconds: float, seed: int) -> int:
    """Kills verbs at random moments, each started again, until enough died; returns how many were killed."""
    chance = random.Random(seed)
    n_killed = 0
    for number in range(4 * n_kills):
        if n_killed == n_kills:
            break
        verb = "pull" if (house.inbox / "stor").exists() or number % 5 == 0 else "dispatch"
        n_killed += kill_after(house.start(verb), chance.uniform(0.2, longest_seconds))
    return n_killed


def test_killed_at_random_moments_nothing_is_lost_and_nothing_is_sent_twice(found_house: FoundHouse):
    house = found_house()
    drop = write_big_drop(house.inbox, "stor", N_DOCUMENTS, n_bytes=6_000)
    with house.simulator.client() as client:
        client.add_fault("delay", delay_seconds=0.1)
    n_killed = kill_and_go_on(house, N_KILLS, 1.6, seed=20261124)
    with house.simulator.client() as client:
        client.clear_faults()
    assert n_killed >= N_KILLS // 2
    house.day()
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, N_DOCUMENTS)
