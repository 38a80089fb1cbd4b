"""e-Boks knows our message id before our first attempt: that consignment stops until a person resolves it."""

from __future__ import annotations

import pytest

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once, held_by_simulator


def in_conflict(found_house: FoundHouse) -> tuple[HouseOnDisk, str]:
    """Returns a house whose one consignment was told at its first attempt that its id is in use."""
    house = found_house(house="")
    write_big_drop(house.inbox, "loen", 1, n_bytes=6_000)
    batch = house.brevdue("pull").data["taken"][0]["batch_id"]
    consignment = f"{batch}-00002"
    with house.simulator.client() as client:
        client.add_fault("status", status=409)
        assert house.brevdue("dispatch").code == 3
        client.clear_faults()
    return house, consignment


def told(house: HouseOnDisk, consignment: str) -> dict:
    return house.brevdue("explain", consignment).data["consignments"][0]


def test_it_waits_for_a_person_and_is_not_sent_again(found_house: FoundHouse) -> None:
    house, consignment = in_conflict(found_house)
    house.brevdue("dispatch")
    one = told(house, consignment)
    assert (one["state"], one["code"], one["needs_person"]) == ("in_doubt", "eboks.id_conflict", True)
    assert held_by_simulator(house) == []


@pytest.mark.parametrize(
    ("verdict", "state", "n_held"),
    [("found", "delivered", 0), ("not-found", "delivered", 1), ("written-off", "failed", 0)],
)
def test_each_verdict_does_what_it_says(
    found_house: FoundHouse, verdict: str, state: str, n_held: int
) -> None:
    house, consignment = in_conflict(found_house)
    assert house.brevdue("resolve", consignment, verdict, "--reason", "set efter").code == 0
    house.day()
    one = told(house, consignment)
    assert (one["state"], len(held_by_simulator(house))) == (state, n_held)


def test_not_found_says_nothing_of_the_id_so_it_is_a_conflict_again(found_house: FoundHouse) -> None:
    house, consignment = in_conflict(found_house)
    house.brevdue("resolve", consignment, "not-found", "--reason", "set efter")
    with house.simulator.client() as client:
        client.add_fault("status", status=409)
        assert house.brevdue("dispatch").code == 3
        client.clear_faults()
    house.brevdue("dispatch")
    one = told(house, consignment)
    assert (one["state"], one["code"], one["needs_person"]) == ("in_doubt", "eboks.id_conflict", True)
    assert held_by_simulator(house) == []


def test_after_an_answer_that_was_lost_in_use_is_ours_whatever_a_person_says(found_house: FoundHouse) -> None:
    house = found_house()
    drop = write_big_drop(house.inbox, "loen", 1, n_bytes=6_000)
    consignment = f"{house.brevdue('pull').data['taken'][0]['batch_id']}-00002"
    with house.simulator.client() as client:
        client.add_fault("accept_then_drop", count=1)
        client.add_fault("drop_before")
        house.brevdue("dispatch")
        client.clear_faults()
        client.add_fault("status", status=409)
        assert told(house, consignment)["state"] == "in_doubt"
        house.brevdue("resolve", consignment, "not-found", "--reason", "ikke fundet")
        house.brevdue("dispatch")
    one = told(house, consignment)
    assert (one["state"], one["code"]) == ("delivered", "eboks.already_accepted")
    assert_each_exactly_once(house, drop.expected)
