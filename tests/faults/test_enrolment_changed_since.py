"""A recipient leaves e-Boks between intake, look-up and sending: never an old answer, and no letter lost."""

from __future__ import annotations

import pytest

from tests.rigs.dispatching import ClockedHouse
from tests.rigs.houses import FoundHouse
from tests.rigs.simulator import RunningSimulator


@pytest.fixture
def house(found_house: FoundHouse, simulator: RunningSimulator) -> ClockedHouse:
    return ClockedHouse(found_house(simulator))


def flip(house: ClockedHouse, status: str) -> None:
    with house.disk.simulator.client() as client:
        client.flip_person("valid", status=status)


def asked_and_held(house: ClockedHouse) -> tuple[int, int]:
    """Returns how often e-Boks was asked, and how many letters it holds."""
    counts = house.counts()
    return counts["n_lookups"], counts["n_messages"]


def test_it_is_looked_up_when_it_is_about_to_be_sent_and_not_when_it_was_read(house: ClockedHouse) -> None:
    house.drop("valid")
    assert asked_and_held(house) == (0, 0)
    flip(house, "exempt")
    house.dispatch()
    assert asked_and_held(house) == (1, 0)
    assert house.codes() == {"eboks.exempt": 1}
    assert house.disk.states() == {"failed": 1}


def test_an_answer_serves_for_a_day_and_not_a_minute_longer(house: ClockedHouse) -> None:
    house.drop("valid")
    house.dispatch()
    assert asked_and_held(house) == (1, 1)
    house.wait(23.9)
    house.drop("valid")
    house.dispatch()
    assert asked_and_held(house) == (1, 2)
    house.wait(0.2)
    flip(house, "exempt")
    house.drop("valid")
    house.dispatch()
    assert asked_and_held(house) == (2, 2)
    assert house.codes() == {"eboks.exempt": 1}


def test_a_reject_ends_the_answers_life(house: ClockedHouse) -> None:
    house.drop("valid")
    house.dispatch()
    flip(house, "exempt")
    house.drop("valid")  # goes out on the kept answer, and e-Boks says no
    house.dispatch()
    assert asked_and_held(house) == (1, 1)
    flip(house, "enrolled")
    house.drop("valid")
    house.dispatch()
    assert asked_and_held(house) == (2, 2)
    assert house.codes() == {"eboks.exempt": 1}
