"""One document in the archive is damaged: its consignment fails with the reason, and all others go."""

from __future__ import annotations

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse
from tests.rigs.judging import held_by_simulator


def test_a_flipped_byte_stops_one_consignment_and_no_other(found_house: FoundHouse) -> None:
    house = found_house()
    write_big_drop(house.inbox, "loen", 20, n_bytes=6_000)
    house.brevdue("pull")
    (pack,) = (house.source / "arkiv").iterdir()
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    house.day()
    assert house.states() == {"delivered": 19, "failed": 1}
    assert len(held_by_simulator(house)) == 19
    (error_list,) = house.answers("fejlliste.csv")
    assert "store.damaged" in error_list.read_text(encoding="utf-8-sig")
    assert house.status()["paused"] == {}
