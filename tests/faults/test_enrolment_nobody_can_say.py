"""The list is too old, or the look-up is down: the next source is asked, and where none can say it waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from eboks.simulator import person
from tests.rigs.dispatching import ClockedHouse
from tests.rigs.enrolment_lists import enrolled
from tests.rigs.houses import FoundHouse
from tests.rigs.simulator import RunningSimulator

# The list knows others than the register does, so that it shows who was asked.
LIST = [enrolled(person("valid").number), enrolled(person("company").number)]


@pytest.fixture
def list_file(tmp_path: Path) -> Path:
    return tmp_path / "liste.csv"


def test_a_list_serves_for_a_day_and_then_letters_wait_for_the_next_one(
    found_house: FoundHouse, simulator: RunningSimulator, list_file: Path
) -> None:
    house = ClockedHouse(
        found_house(
            simulator,
            channel='enrolment = ["list"]\nbreaker_failures = 2',
            material='extensions = ["txt"]',
        )
    )
    house.import_list(list_file, LIST)
    house.wait(23.9)
    house.drop("valid", "company", "same_name_1")  # the last one is not on the list
    house.dispatch()
    assert (house.counts()["n_lookups"], house.counts()["n_messages"]) == (0, 2)
    assert house.codes() == {"eboks.not_enrolled": 1}
    house.wait(0.2)
    house.drop(*["valid"] * 6)
    house.drop(*["valid"] * 6, material="loenseddel")
    result = house.dispatch()
    # Those that can't be judged wait, and the breaker takes no notice: the mandatory ones all went.
    assert result.lanes[0].stopped_by == ""
    assert house.counts()["n_messages"] == 8
    assert house.codes()["eboks.enrolment_unknown"] == 6
    assert house.disk.states() == {"delivered": 8, "failed": 1, "ready": 6}
    house.dispatch()
    assert house.codes()["eboks.enrolment_unknown"] == 6, "it is not asked again at once"
    house.import_list(list_file, LIST)
    house.wait(1.2)
    house.dispatch()
    assert house.disk.states() == {"delivered": 14, "failed": 1}
    assert house.counts()["n_lookups"] == 0


def test_where_the_list_can_not_say_e_boks_is_asked(
    found_house: FoundHouse, simulator: RunningSimulator, list_file: Path
) -> None:
    house = ClockedHouse(found_house(simulator, channel='enrolment = ["list", "lookup"]'))
    house.drop("valid")
    house.dispatch()
    assert (house.counts()["n_lookups"], house.counts()["n_messages"]) == (1, 1)
    house.import_list(list_file, LIST)
    house.drop("company", "same_name_1")
    house.dispatch()
    assert (house.counts()["n_lookups"], house.counts()["n_messages"]) == (1, 2)
    house.wait(24.1)
    house.drop("same_name_1")
    house.dispatch()
    assert (house.counts()["n_lookups"], house.counts()["n_messages"]) == (2, 3)


def test_while_the_look_up_is_down_the_list_serves(
    found_house: FoundHouse, simulator: RunningSimulator, list_file: Path
) -> None:
    house = ClockedHouse(found_house(simulator, channel='enrolment = ["lookup", "list"]'))
    house.import_list(list_file, LIST)
    with simulator.client() as client:
        client.add_fault("status", on="lookup", status=503)
    house.drop("valid", "same_name_1")
    house.dispatch()
    assert house.counts()["n_messages"] == 1
    assert house.codes() == {"eboks.not_enrolled": 1}


def test_a_reject_makes_the_list_doubtful_about_that_one_recipient(
    found_house: FoundHouse, simulator: RunningSimulator, list_file: Path
) -> None:
    house = ClockedHouse(found_house(simulator, channel='enrolment = ["list", "lookup"]'))
    house.import_list(list_file, LIST)
    with simulator.client() as client:
        client.flip_person("valid", status="exempt")
    house.drop("valid")
    house.dispatch()
    assert house.counts()["n_lookups"] == 0
    house.drop("valid", "company")
    house.dispatch()
    assert (house.counts()["n_lookups"], house.counts()["n_messages"]) == (1, 1)
    assert house.codes() == {"eboks.exempt": 2}
