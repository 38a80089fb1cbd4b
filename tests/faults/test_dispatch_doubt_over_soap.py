"""A letter may have arrived over SOAP, where nobody can be asked: as the settings say, and never twice."""

from __future__ import annotations

import pytest

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees, held_by_simulator

HOLD, ONCE = "", 'when_in_doubt = "resend_once"'
KNOWN = 'duplicate_fault_codes = ["9020"]'


def in_doubt(found_house: FoundHouse, channel: str, *faults: dict, n: int = 1) -> HouseOnDisk:
    """Returns a house that has pulled and dispatched a drop to rest, with these faults falling on it."""
    house = found_house(service="soap", channel=channel)
    write_big_drop(house.inbox, "loen", n, n_bytes=6_000)
    house.brevdue("pull")
    with house.simulator.client() as client:
        for fault in faults:
            client.add_fault(**{"on": "soap_send", **fault})
    house.dispatch_to_rest()
    return house


def told(house: HouseOnDisk) -> dict:
    batch = house.status()["batches"][0]["batch"]
    return house.brevdue("explain", f"{batch}-00002").data["consignments"][0]


def n_puts(house: HouseOnDisk) -> int:
    with house.simulator.client() as client:
        return client.counts()["n_puts"]


TAKEN = {"kind": "accept_then_drop", "count": 1}
LOST = {"kind": "status", "status": 502, "count": 1}
TAKEN_502 = {"kind": "status", "status": 502, "stores": True, "count": 1}


@pytest.mark.parametrize("fault", [TAKEN, LOST, TAKEN_502])
def test_hold_waits_for_a_person_and_sends_nothing_more(found_house: FoundHouse, fault):
    house = in_doubt(found_house, HOLD, fault)
    one = told(house)
    assert (one["state"], one["code"], one["needs_person"]) == ("in_doubt", "eboks.cannot_ask", True)
    assert n_puts(house) == 1


def test_what_a_person_found_not_taken_is_sent_again_under_the_same_id(found_house: FoundHouse):
    house = in_doubt(found_house, HOLD, LOST)
    first = told(house)
    assert house.brevdue("resolve", first["consignment"], "not-found", "--reason", "spurgt").code == 0
    house.day()
    after = told(house)
    assert (after["state"], after["message_id"]) == ("delivered", first["message_id"])
    assert len(held_by_simulator(house)) == 1


def test_resend_once_delivers_what_was_lost_on_the_way(found_house: FoundHouse):
    house = in_doubt(found_house, ONCE, LOST)
    assert told(house)["state"] == "delivered"
    assert (n_puts(house), len(held_by_simulator(house))) == (2, 1)


def test_resend_once_is_once_and_then_a_person(found_house: FoundHouse):
    house = in_doubt(found_house, ONCE, {**LOST, "count": 5})
    one = told(house)
    assert (one["state"], one["needs_person"]) == ("in_doubt", True)
    assert n_puts(house) == 2


def test_a_refusal_of_the_resend_does_not_say_that_the_first_was_not_taken(found_house: FoundHouse):
    """It lies there, and e-Boks says so by a fault that the settings do not know."""
    house = in_doubt(found_house, ONCE, TAKEN)
    one = told(house)
    assert (one["state"], one["code"], one["needs_person"]) == ("in_doubt", "eboks.refused", True)
    assert (n_puts(house), len(held_by_simulator(house))) == (2, 1)


def test_what_a_known_duplicate_fault_says_clears_the_doubt(found_house: FoundHouse):
    house = in_doubt(found_house, KNOWN, TAKEN)
    one = told(house)
    assert (one["state"], one["code"]) == ("delivered", "eboks.already_accepted")
    assert len(held_by_simulator(house)) == 1


def test_many_that_wait_for_a_person_stop_nobody_else(found_house: FoundHouse):
    """More of them than the breaker bears failures: they say nothing about the other side."""
    house = in_doubt(found_house, HOLD, {**TAKEN, "count": 15}, n=40)
    states = house.states()
    assert (states["in_doubt"], states["delivered"]) == (15, 25)
    assert len(held_by_simulator(house)) == 40


@pytest.mark.parametrize("share", [0.3])
def test_no_double_and_no_doubt_is_left_with_duplicate_faults(found_house: FoundHouse, share):
    house = found_house(service="soap", channel=KNOWN)
    drop = write_big_drop(house.inbox, "loen", 100, n_bytes=6_000)
    with house.simulator.client() as client:
        client.add_fault("accept_then_drop", on="soap_send", share=share, seed=7)
    house.day()
    with house.simulator.client() as client:
        client.clear_faults()
    house.day()
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, 100)
