"""Our own certificate has expired: the channel pauses, no attempt is burnt, all goes once it is mended."""

from __future__ import annotations

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees, held_by_simulator


def use_certificate(house: HouseOnDisk, before: str, after: str) -> None:
    text = house.path.read_text(encoding="utf-8")
    house.path.write_text(text.replace(f"client-{before}.", f"client-{after}."), encoding="utf-8")


def test_an_expired_one_pauses_and_a_new_one_lets_all_go(found_house: FoundHouse) -> None:
    house = found_house()
    drop = write_big_drop(house.inbox, "loen", 20, n_bytes=6_000)
    house.brevdue("pull")
    use_certificate(house, "good", "expired")
    assert house.brevdue("dispatch").code == 4
    assert house.brevdue("dispatch").code == 4
    assert house.status()["paused"] == {"eboks": "tls.certificate_expired"}
    assert held_by_simulator(house) == []
    told = house.brevdue("explain", next(iter(drop.expected))).data["consignments"][0]
    assert {event["attempt"] for event in told["history"]} <= {0, 1}
    use_certificate(house, "expired", "good")
    house.day()
    assert house.status()["paused"] == {}
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, 20)


def test_a_pause_that_a_person_set_is_lifted_by_a_person_alone(found_house: FoundHouse) -> None:
    house = found_house()
    drop = write_big_drop(house.inbox, "loen", 5, n_bytes=6_000)
    house.brevdue("pull")
    house.brevdue("pause", "eboks")
    assert house.brevdue("dispatch").code == 4
    assert held_by_simulator(house) == []
    house.brevdue("resume", "eboks")
    house.day()
    assert_each_exactly_once(house, drop.expected)
