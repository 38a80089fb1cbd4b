"""One channel's work breaks in mid-pass: what another channel has in flight is ended and recorded."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once

OTHER = """
[sources.hr]
folder = "hr"
material = "brev"
"""
N = 30


def _open_second_channel(house: HouseOnDisk) -> None:
    """Gives the material `brev` a channel of its own, set up as the first."""
    text = house.path.read_text(encoding="utf-8")
    before, _, first = text.partition("[channels.eboks]")
    moved = before.replace('title = "Brev"\nchannels = ["eboks"]', 'title = "Brev"\nchannels = ["andet"]')
    assert moved != before
    house.path.write_text(f"{moved}[channels.eboks]{first}\n[channels.andet]{first}", encoding="utf-8")


def _damage(house: HouseOnDisk, channel: str) -> None:
    """Damages every row of a channel, as another house's keys would make them."""
    with closing(sqlite3.connect(house.settings.house.data / "brevdue.db")) as database, database:
        database.execute("UPDATE consignment SET sealed = x'00' WHERE channel = ?", (channel,))


def test_no_letter_of_the_other_channel_is_cut_off(found_house: FoundHouse) -> None:
    house = found_house(source=OTHER)
    _open_second_channel(house)
    drop = write_big_drop(house.inbox, "loen", N, n_bytes=4_000)
    write_big_drop(house.settings.sources["hr"].folder / "ind", "hr", N, seed=2, n_bytes=4_000)
    house.brevdue("pull")
    _damage(house, "andet")
    with house.simulator.client() as client:
        client.add_fault("delay", delay_seconds=0.02)
    ran = house.brevdue("dispatch")
    assert (ran.code, json.loads(ran.err)["error"]) == (2, "keys.unreadable")
    assert house.states() == {"delivered": N, "ready": N}
    with house.simulator.client() as client:
        assert {message["n_puts"] for message in client.messages()} == {1}
    assert_each_exactly_once(house, drop.expected)
